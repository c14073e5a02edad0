#!/usr/bin/env python3
"""Writes what Keras and PyTorch compute in one step of MobileNetV2 0.35 whose batch normalisations
go by the batch: logits, gradients and new running means, in double precision.

Weights and pictures are numbers that both sides can draw, so that they need no files. Needs torch,
torchvision, keras, safetensors.
"""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
import torchvision
from safetensors.numpy import save_file

HERE = Path(__file__).parent
N, SIZE, WIDTH = 6, 64, 0.35
LABELS = np.array([1, 0, 0, 1, 1, 0], np.float64)
# From the first to the last layers, one of each kind.
KEPT = (
    "Conv1/kernel", "bn_Conv1/gamma", "bn_Conv1/beta", "expanded_conv_depthwise/depthwise_kernel",
    "block_1_project/kernel", "block_2_depthwise_BN/gamma", "block_6_expand_BN/beta",
    "block_13_depthwise/depthwise_kernel", "block_16_project_BN/gamma", "Conv_1_bn/beta", "head/bias",
)
MOVED = ("bn_Conv1", "block_3_project_BN", "block_14_depthwise_BN", "Conv_1_bn")


def drawn(n, seed):
    """Numbers between -1 and 1: the upper bits of SplitMix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(1 << 32) + np.arange(n, dtype=np.uint64)
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1


def value(name, shape):
    """A parameter in Keras's layout, as the test computes it."""
    n, seed = int(np.prod(shape)), sum(name.encode())
    role = name.split("/")[-1]
    if role in ("kernel", "depthwise_kernel"):
        fan_in = np.prod(shape[:2]) if role == "depthwise_kernel" else np.prod(shape[:-1])
        values = drawn(n, seed) * float(np.float32(np.sqrt(3.0 / fan_in)))
    else:
        scale, shift = {
            "gamma": (0.25, 1.0), "beta": (0.25, 0.125), "moving_mean": (0.0, 0.0),
            "moving_variance": (0.0, 1.0), "bias": (0.0, 0.0),
        }[role]
        values = drawn(n, seed) * scale + shift
    return values.astype(np.float32).astype(np.float64).reshape(shape)


def pictures():
    return drawn(N * SIZE * SIZE * 3, 1).reshape(N, SIZE, SIZE, 3)


def of_keras():
    keras.config.set_floatx("float64")
    base = keras.applications.MobileNetV2((SIZE, SIZE, 3), alpha=WIDTH, include_top=False, weights=None)
    x = keras.layers.GlobalAveragePooling2D()(base.output)
    network = keras.Model(base.input, keras.layers.Dense(1, name="head")(x))
    shapes = {}
    for layer in network.layers:
        names = [f"{layer.name}/{w.path.split('/')[-1]}" for w in layer.weights]
        names = [n.replace("/kernel", "/depthwise_kernel") if "depthwise" in layer.name else n for n in names]
        if names:
            shapes.update({n: tuple(w.shape) for n, w in zip(names, layer.weights)})
            layer.set_weights([value(n, shapes[n]) for n in names])
    logits = network(torch.from_numpy(pictures()), training=True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], torch.from_numpy(LABELS))
    loss.backward()
    found = {"logits": logits.detach().numpy()}
    for layer in network.layers:
        for w in layer.weights:
            name = f"{layer.name}/{w.path.split('/')[-1]}"
            if "depthwise" in layer.name:
                name = name.replace("/kernel", "/depthwise_kernel")
            if name in KEPT:
                found[f"gradient/{name}"] = w.value.grad.numpy()
            if layer.name in MOVED and "moving" in name:
                found[f"moved/{name}"] = w.value.detach().numpy()
    return found, shapes


def of_torch(shapes):
    network = torchvision.models.mobilenet_v2(width_mult=WIDTH, dropout=0.0).double()
    network.classifier[1] = torch.nn.Linear(1280, 1).double()
    names = [n for n in shapes if not n.startswith("head/")]
    state = network.state_dict()
    theirs = [k for k in state if "classifier" not in k and not k.endswith("num_batches_tracked")]
    assert len(names) == len(theirs)
    turn = {"kernel": (3, 2, 0, 1), "depthwise_kernel": (2, 3, 0, 1)}

    def turned(name, tensor, axes=None):
        role = name.split("/")[-1]
        return tensor.permute(turn[role]) if role in turn and tensor.dim() == 4 else tensor

    for name, key in zip(names, theirs):
        state[key] = turned(name, torch.from_numpy(value(name, shapes[name]))).contiguous()
    state["classifier.1.weight"] = torch.from_numpy(value("head/kernel", shapes["head/kernel"])).T.contiguous()
    state["classifier.1.bias"] = torch.from_numpy(value("head/bias", shapes["head/bias"]))
    network.load_state_dict(state)
    network.train()
    logits = network(torch.from_numpy(pictures()).permute(0, 3, 1, 2))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], torch.from_numpy(LABELS))
    loss.backward()
    keys = dict(zip(names, theirs)) | {"head/bias": "classifier.1.bias"}
    parameters, state = dict(network.named_parameters()), network.state_dict()
    back = {"kernel": (2, 3, 1, 0), "depthwise_kernel": (2, 3, 0, 1)}
    found = {"logits": logits.detach().numpy()}
    for name in KEPT:
        gradient = parameters[keys[name]].grad
        role = name.split("/")[-1]
        found[f"gradient/{name}"] = (gradient.permute(back[role]) if role in back else gradient).numpy()
    for layer in MOVED:
        for role in ("moving_mean", "moving_variance"):
            found[f"moved/{layer}/{role}"] = state[keys[f"{layer}/{role}"]].numpy()
    return found


def main():
    by_keras, shapes = of_keras()
    by_torch = of_torch(shapes)
    all_values = {
        f"{library}/{name}": np.ascontiguousarray(values, np.float32)
        for library, found in (("keras", by_keras), ("torch", by_torch))
        for name, values in found.items()
    }
    save_file(all_values, HERE / "expected.safetensors")


if __name__ == "__main__":
    main()

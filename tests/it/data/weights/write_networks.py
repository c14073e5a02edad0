#!/usr/bin/env python3
"""Writes one set of weights of MobileNetV2 0.35 as torchvision, timm, Keras and ONNX exporters do.

    write_networks.py WEIGHTS.safetensors REFERENCE.safetensors FOLDER

WEIGHTS has Keras's names, REFERENCE has `pixels_u8` [n, 160, 160, 3]; FOLDER is what the test
`features_are_those_of_the_library_that_wrote_the_file` takes as ALPACA_LIBRARIES. The classifier is
drawn at random, the same for all. Each network's own library computes the features and the
probabilities that the test compares with; those of the ONNX files are torchvision's.
Needs torch, torchvision, timm, keras, onnx, onnxscript, safetensors.
"""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import timm
import torch
import torchvision
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch

SIZE, WIDTH = 160, 0.35
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def keras_network(weights, top):
    """Keras's network with the weights, with its classifier or without."""
    network = keras.applications.MobileNetV2(
        (SIZE, SIZE, 3), alpha=WIDTH, include_top=top is not None, weights=None
    )
    for layer in network.layers:
        names = [w.path.split("/")[-1] for w in layer.weights]
        if layer.name == "predictions":
            layer.set_weights(top)
        elif names:
            own = {n: ("depthwise_kernel" if "depthwise" in layer.name and n == "kernel" else n) for n in names}
            layer.set_weights([weights[f"{layer.name}/{own[n]}"] for n in names])
    return network


def fill(network, weights, order, top):
    """Gives a network of PyTorch the weights, in the order in which both compute them."""
    state, ours = network.state_dict(), []
    for layer in order:
        for name in ("kernel", "depthwise_kernel", "gamma", "beta", "moving_mean", "moving_variance"):
            if f"{layer}/{name}" in weights:
                value = torch.from_numpy(weights[f"{layer}/{name}"])
                kinds = {"kernel": (3, 2, 0, 1), "depthwise_kernel": (2, 3, 0, 1)}
                ours.append(value.permute(kinds[name]).contiguous() if name in kinds else value)
    theirs = [k for k in state if "classifier" not in k and not k.endswith("num_batches_tracked")]
    assert len(theirs) == len(ours), (len(theirs), len(ours))
    state.update(dict(zip(theirs, ours)))
    kernel, bias = (torch.from_numpy(value) for value in top)
    classifier = [k for k in state if "classifier" in k]
    state.update({classifier[0]: kernel.T.contiguous(), classifier[1]: bias})
    network.load_state_dict(state)
    return network.eval()


def main(weights, reference, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = load_file(weights)
    pixels = load_file(reference)["pixels_u8"].astype(np.float32)
    random = np.random.default_rng(1)
    top = (
        random.normal(0, 0.05, (1280, 1000)).astype(np.float32),
        random.normal(0, 0.5, 1000).astype(np.float32),
    )
    expected = {"pixels_u8": pixels}

    bare, whole = keras_network(weights, None), keras_network(weights, top)
    expected["keras"] = bare.predict(pixels / 127.5 - 1, verbose=0).mean((1, 2))
    expected["keras_top"] = whole.predict(pixels / 127.5 - 1, verbose=0)
    bare.save_weights(folder / "keras_no_top.weights.h5")
    whole.save_weights(folder / "keras.weights.h5")
    bare.save(folder / "keras_no_top.h5")
    whole.save(folder / "keras.h5")

    order = [layer.name for layer in bare.layers if layer.weights]
    images = torch.from_numpy(((pixels / 255 - MEAN) / DEVIATION).astype(np.float32)).permute(0, 3, 1, 2)
    vision = fill(torchvision.models.mobilenet_v2(width_mult=WIDTH), weights, order, top)
    own = fill(timm.models.efficientnet._gen_mobilenet_v2("mobilenetv2_100", WIDTH), weights, order, top)
    with torch.no_grad():
        expected["torchvision"] = vision.features(images).mean((2, 3)).numpy()
        expected["torchvision_top"] = vision(images).softmax(1).numpy()
        expected["timm"] = own.forward_features(images).mean((2, 3)).numpy()
        expected["timm_top"] = own(images).softmax(1).numpy()
    torch.save(vision.state_dict(), folder / "torchvision.pth")
    torch.save(vision.state_dict(), folder / "torchvision_legacy.pth", _use_new_zipfile_serialization=False)
    parallel = {f"module.{name}": value for name, value in vision.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": parallel}, folder / "parallel.pth")
    save_torch(own.state_dict(), folder / "timm.safetensors")

    names = {"input_names": ["input"], "output_names": ["output"]}
    example = (images[:1],)
    torch.onnx.export(vision, example, folder / "folded.onnx", dynamo=False, **names)
    torch.onnx.export(
        vision, example, folder / "unfolded.onnx", dynamo=False, do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE, **names,
    )
    torch.onnx.export(vision, example, folder / "dynamo.onnx", dynamo=True, external_data=False, **names)
    save_file({name: np.ascontiguousarray(value, np.float32) for name, value in expected.items()}, folder / "features.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env python3
"""Writes the small files of weights in this folder with the libraries whose they are.

Three layers stand for a network: a convolution, a batch normalisation and a depthwise convolution.
Each tensor counts upwards in eighths in Keras's layout. Needs torch, keras with a backend, safetensors, onnx.
The two hostile files hold a pickle that would run a command, and one that unpacks to a megabyte.
"""

import pickle
import zipfile
from pathlib import Path

import keras
import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent


def counting(*shape):
    """A tensor in Keras's layout."""
    return (np.arange(np.prod(shape), dtype=np.float32) / 8).reshape(shape)


KERNEL, DEPTHWISE, VECTOR = counting(3, 3, 2, 4), counting(3, 3, 4, 1), counting(4)


def state(convolution, norm, depthwise):
    """The same tensors under PyTorch's names and in its layout."""
    vector = torch.from_numpy(VECTOR)
    return {
        f"{convolution}.weight": torch.from_numpy(KERNEL).permute(3, 2, 0, 1).contiguous(),
        f"{norm}.weight": vector,
        f"{norm}.bias": vector.clone(),
        f"{norm}.running_mean": vector.clone(),
        f"{norm}.running_var": vector.clone(),
        f"{norm}.num_batches_tracked": torch.tensor(7),
        # A view with strides of its own, as networks in channels-last order have.
        f"{depthwise}.weight": torch.from_numpy(DEPTHWISE).permute(2, 3, 0, 1),
        "classifier.weight": torch.zeros(2, 4),
    }


def main():
    vision = state("features.0.0", "features.0.1", "features.1.conv.0.0")
    torch.save(vision, HERE / "torchvision.pth")
    torch.save(vision, HERE / "torchvision_old.pth", _use_new_zipfile_serialization=False)
    checkpoint = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in vision.items()}}
    torch.save(checkpoint, HERE / "checkpoint.pth")
    timm = state("conv_stem", "bn1", "blocks.0.0.conv_dw")
    timm = {k: v.contiguous().half() if v.is_floating_point() else v for k, v in timm.items()}
    save_file(timm, HERE / "timm.safetensors")

    model = keras.Sequential([
        keras.Input((8, 8, 2)),
        keras.layers.Conv2D(4, 3, use_bias=False, name="Conv1"),
        keras.layers.BatchNormalization(name="bn_Conv1"),
        keras.layers.DepthwiseConv2D(3, use_bias=False, name="expanded_conv_depthwise"),
    ])
    model.set_weights([KERNEL, *[VECTOR] * 4, DEPTHWISE])
    model.save_weights(HERE / "keras.weights.h5")
    model.save(HERE / "keras.h5")

    # As many convolutions as MobileNetV2 has; an ONNX graph is read by their places.
    layers = [
        torch.nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False),
        torch.nn.BatchNorm2d(4),
        torch.nn.Conv2d(4, 4, 3, groups=4, bias=False),
        *(torch.nn.Conv2d(4, 4, 1, bias=False) for _ in range(50)),
    ]
    for tensor in (layers[1].weight, layers[1].bias, layers[1].running_mean, layers[1].running_var):
        tensor.data = torch.from_numpy(VECTOR).clone()
    layers[0].weight.data = vision["features.0.0.weight"]
    layers[2].weight.data = vision["features.1.conv.0.0.weight"]
    torch.onnx.export(
        torch.nn.Sequential(*layers).eval(), (torch.zeros(1, 2, 8, 8),), HERE / "chain.onnx",
        dynamo=False, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
    )

    class Payload:
        def __reduce__(self):
            import os
            return os.system, ("touch hostile",)

    for name, content, kind in [
        ("payload.pth", pickle.dumps({"features.0.0.weight": Payload()}, 2), zipfile.ZIP_STORED),
        ("bomb.pth", b"0" * 2**20, zipfile.ZIP_DEFLATED),
    ]:
        with zipfile.ZipFile(HERE / name, "w", kind) as archive:
            archive.writestr("archive/data.pkl", content)


if __name__ == "__main__":
    main()

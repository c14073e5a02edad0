"""Writes MobileNetV2 without its classifier as ONNX, for ONNX Runtime and tract."""

import sys

import torch
import torchvision

path, size = sys.argv[1], int(sys.argv[2])
network = torchvision.models.mobilenet_v2(weights=None).eval()
network.classifier = torch.nn.Identity()
torch.onnx.export(
    network,
    torch.randn(1, 3, size, size),
    path,
    input_names=["pictures"],
    output_names=["features"],
    dynamic_axes={"pictures": {0: "batch"}, "features": {0: "batch"}},
    dynamo=False,
)

"""MobileNetV2 in PyTorch, channels last: inference, a fine-tuning step, a full training step.

The last argument is `f32`, `bf16` (autocast) or `compile` (torch.compile, which needs a C++ compiler). As in alpaca-run's stages, normalization uses fixed statistics, the frozen part runs without
gradients, and a step includes Adam.
"""

import contextlib
import sys

import torch
import torchvision

from common import rate, report

threads, size, batch, seconds = (int(argument) for argument in sys.argv[1:5])
mode = sys.argv[5]
torch.set_num_threads(threads)
torch.manual_seed(0)

network = torchvision.models.mobilenet_v2(weights=None).eval()
network = network.to(memory_format=torch.channels_last)
blocks = list(network.features)
head = torch.nn.Linear(1280, 1)
pictures = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
labels = (torch.arange(batch) % 2).float()[:, None]
loss = torch.nn.BCEWithLogitsLoss()

# Keras's `block_13` is the fourteenth block here; its expansion stays frozen.
expansion, *rest = list(blocks[14].conv)
frozen = torch.nn.Sequential(*blocks[:14], expansion)
trainable = torch.nn.Sequential(*rest, *blocks[15:])



def precision():
    if mode == "bf16":
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()


def compiled(part):
    return torch.compile(part) if mode == "compile" else part


features = compiled(network.features)


def inference():
    with torch.inference_mode(), precision():
        features(pictures)


def stepper(below, above):
    weights = [*above.parameters(), *head.parameters()]
    below, above = compiled(below), compiled(above)
    optimizer = torch.optim.Adam(weights, lr=1e-4, eps=1e-7)

    def step():
        with torch.no_grad(), precision():
            features = below(pictures)
        optimizer.zero_grad(set_to_none=True)
        with precision():
            logits = head(above(features).mean((2, 3)))
        loss(logits.float(), labels).backward()
        optimizer.step()

    return step


report(
    {
        "inference": rate(inference, batch, seconds),
        "fine-tuning step": rate(stepper(frozen, trainable), batch, seconds),
        "full training step": rate(stepper(torch.nn.Identity(), network.features), batch, seconds),
    }
)

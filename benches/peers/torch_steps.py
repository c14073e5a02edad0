"""MobileNetV2 in PyTorch, channels last: inference, a fine-tuning step, a full training step.

As in alpaca-run's stages, normalization uses fixed statistics, the frozen part runs without
gradients, and a step includes Adam.
"""

import sys

import torch
import torchvision

from common import rate, report

threads, size, batch, seconds = (int(argument) for argument in sys.argv[1:5])
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


def inference():
    with torch.inference_mode():
        network.features(pictures)


def stepper(below, above):
    weights = [*above.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-4, eps=1e-7)

    def step():
        with torch.no_grad():
            features = below(pictures)
        optimizer.zero_grad(set_to_none=True)
        logits = head(above(features).mean((2, 3)))
        loss(logits, labels).backward()
        optimizer.step()

    return step


report(
    {
        "inference": rate(inference, batch, seconds),
        "fine-tuning step": rate(stepper(frozen, trainable), batch, seconds),
        "full training step": rate(stepper(torch.nn.Identity(), network.features), batch, seconds),
    }
)

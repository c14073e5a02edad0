"""Writes targets.json: losses of several labels an image and of numbers, with their gradients, as
PyTorch and torchvision compute them in double precision.

    PYTHON_WITH_TORCH make_targets.py > targets.json

Losses are means over images and classes. Smoothed labels are those of Keras's BinaryCrossentropy.
"""

import json

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, huber_loss, mse_loss
from torchvision.ops import sigmoid_focal_loss

LOGITS = [[0.3, -1.2, 2.0], [0.0, 0.5, -0.5], [4.0, -2.0, 1.5], [-1.0, 0.25, 0.75]]
LABELS = [[1, 0, 1], [0, 0, 0], [0, 1, 1], [1, 1, 0]]
WEIGHTS = [0.5, 2.0, 1.25]


def several():
    for smoothing in [0.0, 0.1]:
        for weights in [None, WEIGHTS]:
            logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
            labels = torch.tensor(LABELS, dtype=torch.float64)
            labels = labels * (1 - smoothing) + 0.5 * smoothing
            weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
            loss = binary_cross_entropy_with_logits(logits, labels, pos_weight=weight)
            yield case(logits, loss, smoothing, weights, 0.0)
    for gamma in [0.5, 2.0]:
        logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
        labels = torch.tensor(LABELS, dtype=torch.float64)
        loss = sigmoid_focal_loss(logits, labels, alpha=-1, gamma=gamma, reduction="mean")
        yield case(logits, loss, 0.0, None, gamma)


def case(logits, loss, smoothing, weights, gamma):
    loss.backward()
    return dict(
        logits=LOGITS,
        labels=LABELS,
        smoothing=smoothing,
        weights=weights,
        gamma=gamma,
        loss=loss.item(),
        gradient=logits.grad.tolist(),
    )


def numbers():
    outputs, numbers, mean, deviation = [[0.5], [0.5], [-1.0], [3.0]], [12.0, 33.5, 60.0, 31.0], 30.0, 8.0
    standard = (torch.tensor(numbers, dtype=torch.float64)[:, None] - mean) / deviation
    for delta in [None, 1.0, 0.3]:
        values = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
        loss = mse_loss(values, standard) if delta is None else huber_loss(values, standard, delta=delta)
        loss.backward()
        yield dict(
            outputs=outputs,
            numbers=numbers,
            mean=mean,
            deviation=deviation,
            delta=delta,
            loss=loss.item(),
            gradient=values.grad.tolist(),
        )


print(json.dumps(dict(several=list(several()), numbers=list(numbers()))))

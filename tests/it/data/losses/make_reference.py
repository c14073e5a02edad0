"""Writes losses.json: losses and their gradients as PyTorch, torchvision and Keras compute them.

    PYTHON_WITH_TORCH make_reference.py torch > torch.json
    PYTHON_WITH_KERAS make_reference.py keras > keras.json
    python make_reference.py join torch.json keras.json > losses.json

Everything is computed in double precision. Each case has logits `[n, outputs]`, labels, label
smoothing, class weights (null: all one) and gamma (0: cross-entropy). Losses are means over images,
without division by the sum of the weights; gradients are those of the mean with respect to the logits.

Keras clips probabilities at 1e-7, so logits are moderate.
"""

import json
import sys

SIGMOID = dict(logits=[[0.3], [-1.2], [2.0], [0.01], [-3.5]], labels=[1, 0, 0, 1, 1])
SOFTMAX = dict(
    logits=[[0.3, -1.2, 2.0], [0.0, 0.5, -0.5], [4.0, -2.0, 1.5], [-1.0, 0.25, 0.75]],
    labels=[2, 0, 1, 1],
)
WEIGHTS = {1: [0.25, 0.75], 3: [0.5, 2.0, 1.25]}
GAMMAS = [0.5, 1.0, 2.0, 5.0]


def cases(kind):
    """All combinations of settings for logits of one kind."""
    outputs = len(kind["logits"][0])
    for smoothing in [0.0, 0.1]:
        for weights in [None, WEIGHTS[outputs]]:
            for gamma in [0.0, *GAMMAS]:
                yield dict(kind, smoothing=smoothing, weights=weights, gamma=gamma)


def targets(case):
    """Smoothed labels: one number per image for one output, else a row."""
    outputs, smoothing = len(case["logits"][0]), case["smoothing"]
    n_classes = max(outputs, 2)
    share = lambda label, c: (1 - smoothing) * (label == c) + smoothing / n_classes
    if outputs == 1:
        return [share(label, 1) for label in case["labels"]]
    return [[share(label, c) for c in range(n_classes)] for label in case["labels"]]


def torch_cases():
    import torch
    import torchvision
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
    from torchvision.ops import sigmoid_focal_loss

    torch.set_default_dtype(torch.float64)
    version = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    for kind in [SIGMOID, SOFTMAX]:
        for case in cases(kind):
            z = torch.tensor(case["logits"], requires_grad=True)
            t, n = torch.tensor(targets(case)), len(case["labels"])
            weights = case["weights"]
            if z.shape[1] == 1 and case["gamma"] == 0.0:
                # The weight of a part of the label is that of its class.
                parts = torch.ones_like(t), torch.ones_like(t)
                if weights:
                    parts = torch.full_like(t, weights[0]), torch.full_like(t, weights[1])
                bce = lambda y: binary_cross_entropy_with_logits(
                    z[:, 0], torch.full_like(t, y), reduction="none"
                )
                loss = ((1 - t) * parts[0] * bce(0.0) + t * parts[1] * bce(1.0)).sum() / n
                function = "binary_cross_entropy_with_logits"
            elif z.shape[1] == 1:
                # Its alpha weights the classes with 1 - alpha and alpha; -1 turns it off.
                alpha = weights[1] if weights else -1
                loss = sigmoid_focal_loss(z[:, 0], t, alpha, case["gamma"], "sum") / n
                function = "sigmoid_focal_loss"
            elif case["gamma"] == 0.0:
                loss = cross_entropy(
                    z,
                    torch.tensor(case["labels"]),
                    torch.tensor(weights) if weights else None,
                    label_smoothing=case["smoothing"],
                    reduction="sum",
                ) / n
                function = "cross_entropy"
            else:
                continue
            loss.backward()
            yield dict(case, by=version, function=function, loss=loss.item(), gradient=z.grad.tolist())


def keras_cases():
    import keras
    import tensorflow as tf

    keras.config.set_floatx("float64")
    keras.config.set_epsilon(1e-12)
    version = f"Keras {keras.__version__}"
    for kind in [SIGMOID, SOFTMAX]:
        for case in cases(kind):
            if case["gamma"] == 0.0:
                continue
            z = tf.constant(case["logits"], dtype=tf.float64)
            settings = dict(gamma=case["gamma"], from_logits=True, label_smoothing=case["smoothing"])
            if z.shape[1] == 1:
                y = tf.constant([[label] for label in case["labels"]], dtype=tf.float64)
                if case["weights"]:
                    settings |= dict(apply_class_balancing=True, alpha=case["weights"][1])
                function = keras.losses.BinaryFocalCrossentropy(**settings)
            else:
                y = tf.one_hot(case["labels"], 3, dtype=tf.float64)
                function = keras.losses.CategoricalFocalCrossentropy(
                    alpha=case["weights"] or [1.0, 1.0, 1.0], **settings
                )
            with tf.GradientTape() as tape:
                tape.watch(z)
                loss = function(y, z)
            gradient = tape.gradient(loss, z).numpy().tolist()
            name = type(function).__name__
            yield dict(case, by=version, function=name, loss=float(loss), gradient=gradient)


def main():
    what, *files = sys.argv[1:]
    if what == "join":
        found = [case for file in files for case in json.load(open(file))]
        print("[\n" + ",\n".join(json.dumps(case) for case in found) + "\n]")
    else:
        print(json.dumps(list({"torch": torch_cases, "keras": keras_cases}[what]())))


main()

"""Writes metrics.json: metrics of several labels an image and of numbers, as scikit-learn and scipy
compute them.

    PYTHON_WITH_SCIKIT_LEARN make_reference.py > metrics.json

The inputs are drawn with fixed seeds and rounded, so that equal probabilities, numbers and estimates
occur. In the last case of several labels a class has no image and another is given to none.
"""

import json

import numpy as np
from scipy.stats import spearmanr
from sklearn import metrics as m


def several(n, n_classes, seed, absent):
    """Labels and probabilities, and the metrics of both."""
    draw = np.random.default_rng(seed)
    labels = (draw.random((n, n_classes)) < draw.uniform(0.2, 0.6, n_classes)).astype(int)
    scores = np.clip(labels * 0.3 + draw.random((n, n_classes)) * 0.7, 0.01, 0.99).round(2)
    if absent:
        labels[:, 0] = 0
        scores[:, 1] = scores[:, 1] / 2.5
        scores = scores.round(3)
    given = (scores >= 0.5).astype(int)
    zero = dict(zero_division=0)
    classes = []
    for c in range(n_classes):
        y, p = labels[:, c], scores[:, c]
        has, lacks = y.any(), not y.all()
        precision, recall, thresholds = m.precision_recall_curve(y, p)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        best = int(np.argmax(f1[:-1] + 1e-12 * np.arange(len(thresholds)))) if has else None
        classes.append(
            dict(
                precision=m.precision_score(y, given[:, c], **zero),
                recall=m.recall_score(y, given[:, c], **zero),
                f1=m.f1_score(y, given[:, c], **zero),
                average_precision=m.average_precision_score(y, p) if has else None,
                roc_auc=m.roc_auc_score(y, p) if has and lacks else None,
                best_threshold=float(thresholds[best]) if has else None,
                best_f1=float(f1[best]) if has else None,
            )
        )
    with_images = labels.any(axis=0)
    expected = dict(
        subset_accuracy=m.accuracy_score(labels, given),
        hamming_loss=m.hamming_loss(labels, given),
        macro_precision=m.precision_score(labels, given, average="macro", **zero),
        macro_recall=m.recall_score(labels, given, average="macro", **zero),
        macro_f1=m.f1_score(labels, given, average="macro", **zero),
        micro_f1=m.f1_score(labels, given, average="micro", **zero),
        average_precision=m.average_precision_score(
            labels[:, with_images], scores[:, with_images], average="macro"
        ),
        micro_average_precision=m.average_precision_score(labels, scores, average="micro"),
        roc_auc=m.roc_auc_score(labels[:, with_images], scores[:, with_images], average="macro"),
        log_loss=float(
            np.mean([m.log_loss(labels[:, c], scores[:, c], labels=[0, 1]) for c in range(n_classes)])
        ),
        classes=classes,
    )
    return dict(labels=labels.tolist(), probabilities=scores.tolist(), expected=expected)


def number(n, seed, offset):
    """Numbers and estimates, and the metrics of both."""
    draw = np.random.default_rng(seed)
    numbers = (draw.normal(0, 12, n) + offset).round(0)
    estimates = (numbers * 0.8 + 0.2 * offset + draw.normal(0, 6, n)).round(1)
    expected = dict(
        mae=m.mean_absolute_error(numbers, estimates),
        rmse=m.root_mean_squared_error(numbers, estimates),
        r2=m.r2_score(numbers, estimates),
        spearman=float(spearmanr(numbers, estimates).statistic),
        mean_error=float(np.mean(estimates - numbers)),
        deviation=float(np.std(numbers)),
    )
    return dict(numbers=numbers.tolist(), estimates=estimates.tolist(), expected=expected)


print(
    json.dumps(
        dict(
            several=[several(40, 4, 1, False), several(25, 2, 2, False), several(30, 5, 3, True)],
            number=[number(50, 4, 40), number(12, 5, -3), number(30, 6, 1e6)],
        )
    )
)

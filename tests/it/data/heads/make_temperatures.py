"""Temperatures of scipy's minimizer for tests/it/temperatures.rs."""
import json, numpy as np, scipy
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

rng = np.random.default_rng(1)

def loss(kind, z, targets, b):
    if kind == "softmax" and z.shape[1] == 1:
        kind, targets = "sigmoids", [[0] if t == 1 else [] for t in targets]
    if kind == "softmax":
        return np.mean(logsumexp(b * z, axis=1) - b * z[np.arange(len(z)), targets])
    y = np.zeros_like(z)
    for row, classes in zip(y, targets):
        row[classes] = 1
    return np.mean(np.logaddexp(0, b * z) - y * b * z)

def case(kind, n, k, scale, noise):
    truth = rng.normal(size=(n, k))
    z = np.round(scale * (truth + noise * rng.normal(size=(n, k))), 3).astype(np.float32)
    if kind == "sigmoids":
        targets = [[int(j) for j in np.flatnonzero(row > 0.3)] for row in truth]
    else:
        targets = [int(v) for v in (truth[:, 0] > 0 if k == 1 else truth.argmax(1))]
    wide = z.astype(np.float64)
    # In the logarithm of 1/T, where a bracket of any size is searched in equal steps.
    found = minimize_scalar(lambda u: loss(kind, wide, targets, np.exp(u)), bounds=(-3, 3),
                            method="bounded", options=dict(xatol=1e-12, maxiter=1000))
    # The loss is flat at its minimum: polish by the root of its derivative.
    from scipy.optimize import brentq
    def slope(u, h=1e-5):
        return loss(kind, wide, targets, np.exp(u + h)) - loss(kind, wide, targets, np.exp(u - h))
    u = brentq(slope, found.x - 0.01, found.x + 0.01, xtol=1e-14)
    return dict(readout=kind, outputs_per_image=k, outputs=[float(str(v)) for v in z.ravel()],
                targets=targets, temperature=float(np.exp(-u)))

cases = [case("softmax", 80, 1, 4, 0.5), case("softmax", 60, 1, 0.3, 0.4),
         case("softmax", 90, 3, 6, 0.6), case("softmax", 120, 10, 2, 0.8),
         case("sigmoids", 40, 4, 5, 0.5), case("sigmoids", 50, 1, 0.5, 0.3)]
print(json.dumps(dict(made_with=f"scipy {scipy.__version__}", cases=cases)))

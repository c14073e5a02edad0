"""Heads of scikit-learn for tests/it/heads.rs."""
import json, numpy as np, sklearn
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)

def features(n, d):
    base = rng.normal(size=(n, 6)) @ rng.normal(size=(6, d)) + rng.normal(size=(n, d))
    x = base * rng.uniform(0.1, 3, size=d) + rng.normal(size=d)
    x[:, 3] = 0.25  # a feature that never varies
    return np.round(x, 3).astype(np.float32)

def case(name, n, d, k, l2, weighted):
    x = features(n, d)
    w = np.round(rng.uniform(0.2, 2, size=n), 2) if weighted else np.ones(n)
    scaler = StandardScaler().fit(x.astype(np.float64), sample_weight=w)
    n_used, v = (w > 0).sum(), scaler.var_
    z = (x.astype(np.float64) - scaler.mean_) / np.sqrt((n_used * v + 40 * v.mean()) / (n_used + 40))
    score = z @ rng.normal(size=(d, max(k, 2))) / np.sqrt(d) + rng.normal(size=(n, max(k, 2)))
    c = 1 / (w.sum() * l2)
    logistic = lambda: LogisticRegression(C=c, tol=1e-13, max_iter=100000, solver="lbfgs")
    newton = lambda: LogisticRegression(C=c, tol=1e-13, max_iter=1000, solver="newton-cg")
    if name == "class":
        y = score[:, :k].argmax(1)
        m = newton().fit(z, y, sample_weight=w)
        coef, bias, targets = m.coef_, m.intercept_, [int(v) for v in y]
    elif name == "classes":
        sets = score > 0.4
        ms = [newton().fit(z, sets[:, j], sample_weight=w) for j in range(k)]
        coef = np.concatenate([m.coef_ for m in ms]); bias = np.concatenate([m.intercept_ for m in ms])
        targets = [[int(j) for j in np.flatnonzero(row)] for row in sets]
    else:
        y = np.round(score[:, 0] * 9 + 30, 2)
        mean, std = y.mean(), y.std()
        m = Ridge(alpha=w.sum() * l2, tol=1e-13).fit(z, (y - mean) / std, sample_weight=w)
        coef, bias, targets = m.coef_[None], np.array([m.intercept_]), [float(v) for v in y]
    outputs = z @ coef.T + bias
    return dict(target=name, n=n, d=d, outputs_per_image=int(coef.shape[0]), l2=l2,
                features=[float(str(v)) for v in x.ravel()], weights=[float(v) for v in w],
                targets=targets, outputs=[float(v) for v in outputs.ravel()])

cases = [case("class", 30, 50, 2, 0.01, False), case("class", 60, 20, 2, 0.003, True),
         case("class", 40, 60, 3, 0.1, True), case("class", 90, 12, 5, 1e-4, False),
         case("classes", 50, 15, 3, 0.02, True), case("number", 45, 20, 1, 0.1, True),
         case("number", 20, 40, 1, 0.01, False)]
print(json.dumps(dict(made_with=f"scikit-learn {sklearn.__version__}", cases=cases)))

"""Golden values of scikit-learn and torch for crates/probes/tests.

Run with numpy, scipy, scikit-learn and torch installed: python scripts/goldens/probes.py [NAME ...]
Writes crates/probes/tests/fixtures/NAME.json for each of metrics, probe, ridge, logistic, knn, ranking,
bootstrap and diagnostics, or for those that are named.
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy
import scipy.special
import sklearn
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, r2_score, top_k_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FIXTURES = Path(__file__).parents[2] / "crates/probes/tests/fixtures"


def rounded(array):
    """Multiples of 1/64, which f32 holds exactly, in f64: scikit-learn computes in their type."""
    return np.round(np.float64(array) * 64) / 64


def write(name, content):
    FIXTURES.mkdir(parents=True, exist_ok=True)
    (FIXTURES / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


def metrics():
    rng = np.random.default_rng(7)
    # Targets of very different means and spreads, the last one constant.
    centre = np.array([0.0, 1000.0, -3.0, 0.5])
    spread = np.array([1.0, 0.5, 20.0, 0.0])
    targets = rounded(centre + spread * rng.standard_normal((101, 4)))
    predictions = rounded(targets + np.array([0.3, 1.0, 2.0, 0.1]) * rng.standard_normal((101, 4)))
    scores = np.float32(rng.permuted(np.tile(np.arange(7), (101, 1)), axis=1))  # without ties
    labels = rng.integers(0, 7, 101)
    write(
        "metrics.json",
        {
            "sklearn": sklearn.__version__,
            "targets": targets.ravel().tolist(),
            "predictions": predictions.ravel().tolist(),
            "r2": r2_score(targets, predictions, multioutput="raw_values").tolist(),
            "r2_mean": r2_score(targets, predictions),
            "scores": scores.ravel().tolist(),
            "labels": labels.tolist(),
            "top1": accuracy_score(labels, scores.argmax(axis=1)),
            "top3": top_k_accuracy_score(labels, scores, k=3, labels=np.arange(7)),
        },
    )


def train(network, loss_function, features, targets, optimizer):
    initial = {name: value.flatten().tolist() for name, value in network.state_dict().items()}
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = loss_function(network(features), targets)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return {"initial": initial, "losses": losses, "predictions": network(features).flatten().tolist()}


def probe():
    torch.manual_seed(5)
    features = torch.randn(12, 6)
    labels = torch.arange(12) % 3
    values = torch.randn(12, 2)
    linear = torch.nn.Linear(6, 3)
    mlp = torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.ReLU(),
        torch.nn.Linear(8, 8), torch.nn.ReLU(),
        torch.nn.Linear(8, 2),
    )
    write(
        "probe.json",
        {
            "torch": torch.__version__,
            "features": features.flatten().tolist(),
            "labels": labels.tolist(),
            "values": values.flatten().tolist(),
            "linear": train(
                linear, torch.nn.functional.cross_entropy, features, labels,
                torch.optim.SGD(linear.parameters(), lr=0.1, momentum=0.9),
            ),
            "mlp": train(
                mlp, torch.nn.functional.mse_loss, features, values,
                torch.optim.Adam(mlp.parameters(), lr=0.01),
            ),
        },
    )


ALPHAS = [10 ** (half / 2) for half in range(-6, 13)]


def spread_features(rng, samples, width, collinear):
    """Features of different means and spreads, and these; collinear ones have a constant among them."""
    centre = rng.normal(0, 5, width)
    spread = np.exp(rng.normal(0, 1, width))
    features = rounded(centre + spread * rng.standard_normal((samples, width)))
    if collinear:
        features[:, 3] = 1.5
        features[:, 4] = 2 * features[:, 2]
        features[:, 5] = features[:, 0] + features[:, 1]
    return features, centre, spread


def ridge():
    rng = np.random.default_rng(11)
    cases = []
    for name, samples, width, collinear in [
        ("tall", 60, 8, False),
        ("wide", 12, 20, False),
        ("square", 9, 8, False),
        ("nearly square", 10, 8, False),
        ("collinear", 40, 6, True),
    ]:
        features, centre, spread = spread_features(rng, samples + 30, width, collinear)
        weights = rng.standard_normal((width, 2)) / spread[:, None]
        noise = np.array([0.5, 3.0]) * rng.standard_normal((samples + 30, 2))
        targets = rounded((features - centre) @ weights + noise + np.array([0.0, 300.0]))
        targets = np.hstack([targets, np.full((len(targets), 1), 0.5)])
        train, test = features[:samples], features[samples:]
        fits = []
        for standardize in [True, False]:
            for per_target in [True, False]:
                model = RidgeCV(alphas=ALPHAS, alpha_per_target=per_target)
                pipeline = make_pipeline(StandardScaler(), model) if standardize else model
                pipeline.fit(train, targets[:samples])
                predictions = pipeline.predict(test)
                fits.append(
                    {
                        "standardize": standardize,
                        "shared": not per_target,
                        "alphas": np.broadcast_to(model.alpha_, 3).tolist(),
                        "errors": (-np.ravel(model.best_score_)).tolist(),
                        "predictions": predictions.ravel().tolist(),
                        "r2": r2_score(targets[samples:], predictions, multioutput="raw_values").tolist(),
                    }
                )
        cases.append(
            {
                "name": name,
                "width": width,
                "train": train.ravel().tolist(),
                "train_targets": targets[:samples].ravel().tolist(),
                "test": test.ravel().tolist(),
                "test_targets": targets[samples:].ravel().tolist(),
                "fits": fits,
            }
        )
    write("ridge.json", {"sklearn": sklearn.__version__, "alphas": ALPHAS, "cases": cases})


def logistic():
    rng = np.random.default_rng(12)
    cases = []
    for name, samples, width, classes, collinear in [
        ("three classes", 80, 6, 3, False),
        ("two classes", 50, 5, 2, False),
        ("wide", 15, 30, 4, False),
        ("collinear", 60, 6, 3, True),
    ]:
        features, centre, spread = spread_features(rng, samples + 60, width, collinear)
        weights = rng.standard_normal((width, classes)) / spread[:, None]
        labels = ((features - centre) @ weights + 1.0 * rng.gumbel(size=(samples + 60, classes))).argmax(axis=1)
        labels[:classes] = np.arange(classes)
        train, test = features[:samples], features[samples:]
        fits = []
        for standardize in [True, False]:
            for c in [0.01, 1.0, 30.0]:
                model = LogisticRegression(C=c, tol=1e-12, max_iter=100000)
                pipeline = make_pipeline(StandardScaler(), model) if standardize else model
                pipeline.fit(train, labels[:samples])
                fits.append(
                    {
                        "standardize": standardize,
                        "c": c,
                        "weights": model.coef_.ravel().tolist(),
                        "probabilities": np.round(pipeline.predict_proba(test), 12).ravel().tolist(),
                        "predictions": pipeline.predict(test).tolist(),
                        "accuracy": accuracy_score(labels[samples:], pipeline.predict(test)),
                    }
                )
        cases.append(
            {
                "name": name,
                "width": width,
                "classes": classes,
                "train": train.ravel().tolist(),
                "train_labels": labels[:samples].tolist(),
                "test": test.ravel().tolist(),
                "test_labels": labels[samples:].tolist(),
                "fits": fits,
            }
        )
    write("logistic.json", {"sklearn": sklearn.__version__, "cases": cases})


def polished(model, features, labels, classes, c):
    """Probabilities of a fitted model after further steps of Newton's method, of which the last changes nothing to speak of.

    scikit-learn's solvers give up where the loss no longer changes, which at weak penalties is some digits before.
    """
    samples, width = features.shape
    rows = np.hstack([features, np.ones((samples, 1))])
    coefficients = np.hstack([model.coef_, model.intercept_[:, None]])
    if classes == 2:
        # Its binary form bears the penalty on the difference, of which each class has half in the form of several classes.
        coefficients, c = np.vstack([-coefficients, coefficients]) / 2, c / 2
    ridge = np.diag(np.append(np.ones(width), 0.0)) / c
    # A common shift of the intercepts changes nothing.
    shift = np.zeros((width + 1, width + 1))
    shift[-1, -1] = 1.0
    shares = np.eye(classes)[labels]
    for _ in range(8):
        logits = rows @ coefficients.T
        p = scipy.special.softmax(logits, axis=1)
        gradient = (p - shares).T @ rows + coefficients @ ridge
        hessian = np.block(
            [
                [
                    rows.T @ (rows * (p[:, a] * ((a == b) - p[:, b]))[:, None]) + (a == b) * ridge + shift
                    for b in range(classes)
                ]
                for a in range(classes)
            ]
        )
        step = np.linalg.solve(hessian, gradient.ravel()).reshape(classes, -1)
        coefficients = coefficients - step
    change = rows @ step.T
    assert np.abs(change - change.mean(axis=1, keepdims=True)).max() < 1e-8
    return lambda test: scipy.special.softmax(test @ coefficients[:, :-1].T + coefficients[:, -1], axis=1)


def optimum():
    """Logistic regressions at strong and weak penalties, to the last digits."""
    rng = np.random.default_rng(17)
    cases = []
    for name, samples, width, classes, kind in [
        ("noisy", 120, 5, 3, "noisy"),
        ("two noisy classes", 90, 4, 2, "noisy"),
        ("separable", 80, 4, 3, "separable"),
        ("two separable classes", 60, 3, 2, "separable"),
        ("wide", 24, 60, 3, "noisy"),
        ("many classes", 160, 8, 20, "noisy"),
        ("repeated columns", 90, 6, 3, "repeated"),
        ("rare class", 100, 4, 3, "rare"),
    ]:
        features = rounded(rng.standard_normal((samples + 20, width)) * np.exp(rng.normal(0, 1, width)) + 3)
        if kind == "repeated":
            features[:, 3] = features[:, 0]
            features[:, 4] = features[:, 1]
        scores = ((features - 3) / features.std(axis=0)) @ rng.standard_normal((width, classes))
        noise = 0.0 if kind == "separable" else 2.0
        labels = (scores + noise * rng.gumbel(size=scores.shape)).argmax(axis=1)
        if kind == "rare":
            labels[labels == 2] = 0
            labels[5] = 2
        labels[:classes] = np.arange(classes)
        train, test = features[:samples], features[samples:]
        scaler = StandardScaler().fit(train)
        fits = []
        for c in [1e-4, 0.1, 1.0, 10.0, 1e3, 1e4, 1e6]:
            model = LogisticRegression(C=c, tol=1e-13, max_iter=1000, solver="newton-cholesky")
            model.fit(scaler.transform(train), labels[:samples])
            optimum_of = polished(model, scaler.transform(train), labels[:samples], classes, c)
            probabilities = optimum_of(scaler.transform(test))
            assert np.abs(probabilities - model.predict_proba(scaler.transform(test))).max() < 1e-4
            fits.append({"c": c, "probabilities": np.round(probabilities, 12).ravel().tolist()})
        cases.append(
            {
                "name": name,
                "width": width,
                "classes": classes,
                "train": train.ravel().tolist(),
                "train_labels": labels[:samples].tolist(),
                "test": test.ravel().tolist(),
                "fits": fits,
            }
        )
    write("optimum.json", {"sklearn": sklearn.__version__, "cases": cases})


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-300)


def knn():
    rng = np.random.default_rng(13)
    classes, width, temperature = 7, 6, 0.1
    labels = rng.integers(0, classes, 320)
    centres = rng.standard_normal((classes, width))
    features = rounded(centres[labels] + 1.2 * rng.standard_normal((320, width)))
    features[200:240] = features[:40]  # ties between samples of different classes
    labels[200:240] = (labels[:40] + 1) % classes
    queries = rounded(np.vstack([features[:20], centres[labels[20:80]] + rng.standard_normal((60, width))]))
    query_labels = labels[:80]
    cosines = np.round(unit(queries) @ unit(features).T * 2.0**40) / 2.0**40
    order = np.argsort(-cosines, axis=1, kind="stable")
    results = []
    for k in [1, 5, 20, 200, 1000]:
        votes = np.zeros((80, classes))
        for row in range(80):
            nearest = order[row, :k]
            np.add.at(votes[row], labels[nearest], np.exp(cosines[row, nearest] / temperature))
        predictions = votes.argmax(axis=1)
        # Among rows without ties at the k-th place, scikit-learn must agree.
        peer = KNeighborsClassifier(
            min(k, 320), metric="cosine", algorithm="brute", weights=lambda d: np.exp((1 - d) / temperature)
        ).fit(features, labels)
        sorted_cosines = np.take_along_axis(cosines, order, axis=1)
        clear = np.full(80, True) if k >= 320 else sorted_cosines[:, k - 1] > sorted_cosines[:, k]
        assert (peer.predict(queries)[clear] == predictions[clear]).all() and clear.sum() > 40
        results.append({"k": k, "votes": votes.ravel().tolist(), "predictions": predictions.tolist()})
    write(
        "knn.json",
        {
            "sklearn": sklearn.__version__,
            "classes": classes,
            "width": width,
            "temperature": temperature,
            "train": features.ravel().tolist(),
            "train_labels": labels.tolist(),
            "test": queries.ravel().tolist(),
            "test_labels": query_labels.tolist(),
            "results": results,
        },
    )


def ranking():
    rng = np.random.default_rng(14)
    samples, views, width = 50, 6, 5
    candidates = rounded(rng.standard_normal((samples, views, width)))
    candidates[:10, 1] = candidates[:10, 0]  # ties
    truths = rng.integers(0, views, samples)
    truths[:10] = 0
    truth_rows = candidates[np.arange(samples), truths]
    predictions = rounded(truth_rows + 0.8 * rng.standard_normal((samples, width)))
    within = np.einsum("nd,nvd->nv", unit(predictions), unit(candidates))
    pool = candidates.reshape(-1, width)
    among = unit(predictions) @ unit(pool).T

    def ranks(cosines, truths):
        cosines = np.round(cosines, 12)
        ranked = scipy.stats.rankdata(-cosines, method="max", axis=1)
        return ranked[np.arange(samples), truths].astype(int)

    results = {}
    for name, found in [
        ("within", ranks(within, truths)),
        ("among", ranks(among, np.arange(samples) * views + truths)),
    ]:
        results[name] = {
            "ranks": found.tolist(),
            "mean_reciprocal_rank": float(np.mean(1 / found)),
            "hit1": float(np.mean(found <= 1)),
            "hit5": float(np.mean(found <= 5)),
        }
    write(
        "ranking.json",
        {
            "scipy": scipy.__version__,
            "width": width,
            "views": views,
            "predictions": predictions.ravel().tolist(),
            "candidates": candidates.ravel().tolist(),
            "truths": truths.tolist(),
            **results,
        },
    )


def bootstrap():
    rng = np.random.default_rng(15)
    targets = rounded(rng.standard_normal(150) + 20)
    predictions = rounded(targets + 0.5 * rng.standard_normal(150))
    hits = rng.random(150) < 0.3
    options = {"n_resamples": 50000, "method": "percentile", "confidence_level": 0.95, "rng": 1}

    def interval(*args, **kwargs):
        found = scipy.stats.bootstrap(*args, **kwargs, **options).confidence_interval
        return [float(found.low), float(found.high)]

    def r2(target, prediction, axis=-1):
        residual = ((target - prediction) ** 2).sum(axis=axis)
        total = ((target - target.mean(axis=axis, keepdims=True)) ** 2).sum(axis=axis)
        return 1 - residual / total

    write(
        "bootstrap.json",
        {
            "scipy": scipy.__version__,
            "targets": targets.tolist(),
            "predictions": predictions.tolist(),
            "r2": float(r2(targets, predictions)),
            "r2_interval": interval((targets, predictions), r2, paired=True, vectorized=True),
            "hits": hits.astype(float).tolist(),
            "mean_interval": interval((hits.astype(float),), np.mean, vectorized=True),
            "percentiles": np.percentile(hits.cumsum() ** 1.5, [2.5, 50, 97.5]).tolist(),
        },
    )


def entropy_rank(values, epsilon):
    shares = values / np.abs(values).sum() + epsilon
    return float(np.exp(-(shares * np.log(shares)).sum()))


def diagnostics():
    rng = np.random.default_rng(16)
    samples, views, width = 60, 3, 8
    mixing = rng.standard_normal((width, width)) * np.linspace(1.5, 0.05, width)
    images = rng.standard_normal((samples, 1, width)) @ mixing.T
    features = rounded(images + 0.3 * rng.standard_normal((samples, views, width)) + 0.5)
    target = rounded(0.9 * features + 0.2 * rng.standard_normal(features.shape))
    first = features[:, 0]

    means = features.mean(axis=1)
    between = np.cov(means, rowvar=False)
    deviations = (features - means[:, None]).reshape(-1, width)
    within = deviations.T @ deviations / (samples * (views - 1)) + 1e-4 * np.eye(width)
    root = scipy.linalg.inv(scipy.linalg.sqrtm(within).real)
    lda = np.linalg.eigvalsh(root @ between @ root)

    normal = unit(first)
    normal_views = torch.from_numpy(unit(features))
    pairs = [(0, 1), (0, 2), (1, 2)]
    alignment = [
        (normal_views[:, a] - normal_views[:, b]).norm(dim=1).pow(2).mean().item() for a, b in pairs
    ]
    uniformity = torch.pdist(torch.from_numpy(normal)).pow(2).mul(-2).exp().mean().log().item()

    x, y = features.reshape(-1, width), target.reshape(-1, width)
    xc, yc = x - x.mean(axis=0), y - y.mean(axis=0)
    norm = np.linalg.norm
    write(
        "diagnostics.json",
        {
            "numpy": np.__version__,
            "torch": torch.__version__,
            "views": views,
            "width": width,
            "features": features.ravel().tolist(),
            "target": target.ravel().tolist(),
            "rank_me": entropy_rank(np.linalg.svd(first, compute_uv=False), 1e-7),
            "lidar": entropy_rank(lda, 1e-7),
            "standard_deviation": float(normal.std(axis=0).mean()),
            "alignment": float(np.mean(alignment)),
            "uniformity": uniformity,
            "cosine_distance": float(1 - (unit(x) * unit(y)).sum(axis=1).mean()),
            "relative_distance": float(norm(x - y) / norm(y)),
            "linear_cka": float(norm(xc.T @ yc) ** 2 / (norm(xc.T @ xc) * norm(yc.T @ yc))),
        },
    )


if __name__ == "__main__":
    every = [metrics, probe, ridge, logistic, optimum, knn, ranking, bootstrap, diagnostics]
    for make in every:
        if len(sys.argv) == 1 or make.__name__ in sys.argv[1:]:
            make()

"""Golden values of scikit-learn and torch for crates/probes/tests.

Run with numpy, scikit-learn and torch installed: python scripts/goldens/probes.py
Writes crates/probes/tests/fixtures/metrics.json and probe.json.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.metrics import accuracy_score, r2_score, top_k_accuracy_score

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


if __name__ == "__main__":
    metrics()
    probe()

"""Fixture of the map by UMAP: the fuzzy graph of points, and the curve's constants, by umap-learn.

    python scripts/goldens/umap_graph.py

Writes crates/report/src/map/fixtures/umap.json.
"""

import json
from pathlib import Path

import numpy as np
from umap.umap_ import find_ab_params, fuzzy_simplicial_set

POINTS, WIDTH, NEIGHBOURS = 40, 3, 15

rng = np.random.default_rng(0)
# Multiples of 1/1024, which JSON and f32 keep to the bit.
values = np.round(rng.normal(size=(POINTS, WIDTH)) * 1024) / 1024
distances = np.sqrt(((values[:, None] - values[None]) ** 2).sum(-1))
indices = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]
graph, _, _ = fuzzy_simplicial_set(
    values,
    n_neighbors=NEIGHBOURS,
    random_state=np.random.RandomState(0),
    metric="euclidean",
    knn_indices=indices,
    knn_dists=np.take_along_axis(distances, indices, axis=1),
)
graph = graph.tocoo()
edges = sorted((int(i), int(j), float(w)) for i, j, w in zip(graph.row, graph.col, graph.data) if i < j)
a, b = find_ab_params(1.0, 0.1)
fixture = {"width": WIDTH, "values": values.ravel().tolist(), "edges": edges, "a": float(a), "b": float(b)}
path = Path(__file__).parents[2] / "crates/report/src/map/fixtures/umap.json"
path.parent.mkdir(exist_ok=True)
path.write_text(json.dumps(fixture) + "\n")

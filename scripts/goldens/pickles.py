"""Writes the PyTorch files of crates/model/tests/goldens whose tensors lie beside objects of every kind.

    python scripts/goldens/pickles.py [--out crates/model/tests/goldens]

objects_2.pt and so on: the same dictionary by several pickle protocols, in the ZIP form and in the one before PyTorch 1.6.
module.pt: a whole module, as `torch.save(module)` pickles it. Needs torch and numpy.
"""

import argparse
import collections
import dataclasses
import datetime
import enum
import pathlib
import types

import numpy as np
import torch

Pair = collections.namedtuple("Pair", "left right")


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Settings:
    rate: float
    weights: torch.Tensor


class Caller:
    """Unpickling it in Python would call `print`."""

    def __reduce__(self):
        return print, ("called",)


def objects():
    features = torch.arange(24.0).reshape(6, 4)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    around = {
        "bytes": b"abc",
        "bytearray": bytearray(b"abc"),
        "caller": Caller(),
        "complex": 1 + 2j,
        "complex_tensor": torch.zeros(2, dtype=torch.complex64),
        "counter": collections.Counter("hello"),
        "dataclass": Settings(0.1, features),
        "date": datetime.date(2020, 1, 2),
        "defaultdict": collections.defaultdict(list, {"losses": [0.5, 0.25], 7: []}),
        "defaultdict_of_dicts": collections.defaultdict(dict, {1: {2: 3}}),
        "deque": collections.deque([1.0, 2.0], maxlen=10),
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "enum": Color.RED,
        "frozenset": frozenset([1]),
        "long": 2**200,
        "long_key": {"x" * 2_000: 1},
        "named": Pair(1, labels),
        "namespace": argparse.Namespace(lr=0.1, weights=features),
        "negative": -(2**70),
        "none": None,
        "numpy_array": np.arange(5),
        "numpy_scalar": np.float64(3.5),
        "ordered": collections.OrderedDict([("a", 1), (2, "b")]),
        "other_keys": {1.5: features, None: features, True: labels, b"x": labels, (1, "a"): labels},
        "path": pathlib.PurePosixPath("data"),
        "range": range(4),
        "set": {1, 2},
        "simple_namespace": types.SimpleNamespace(q=2),
        "size": torch.Size([1, 2]),
        "slice": slice(1, 2),
        "sparse": torch.eye(3).to_sparse(),
        "tuple_keys": {(1, "a"): 2, (None, True): [3]},
        "type": int,
    }
    tensors = {
        "booleans": torch.tensor([True, False, True]),
        "defaultdict_tensors": collections.defaultdict(list, {"kept": [labels]}),
        "deque_tensors": collections.deque([labels]),
        "empty": torch.zeros(0, 3),
        "expanded": torch.ones(1).expand(5),
        "listed": [features, (labels, {"inner": features})],
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "scalar": torch.tensor(3.0),
        "sixteen": torch.tensor([0, 1, 65_535], dtype=torch.uint16),
        "transposed": features.t(),
    }
    whole = {"features": features, "labels": labels} | around | tensors
    whole["itself"] = whole
    return whole


def module():
    made = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    made[1].register_buffer("passing", torch.ones(3), persistent=False)
    with torch.no_grad():
        made[0].weight.copy_(torch.arange(6.0).reshape(3, 2))
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = pathlib.Path(__file__).parents[2] / "crates/model/tests/goldens"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    out = parser.parse_args().out
    for protocol in (2, 5):
        torch.save(objects(), out / f"objects_{protocol}.pt", pickle_protocol=protocol)
    torch.save(objects(), out / "objects_legacy.pt", pickle_protocol=4, _use_new_zipfile_serialization=False)
    torch.save(module(), out / "module.pt")


if __name__ == "__main__":
    main()

"""Proves that PyTorch accepts an exported model and computes what Rust computed with it.

    cargo run -p seqjepa-model --example export_for_pytorch -- FOLDER
    python scripts/goldens/check_export.py FOLDER

FOLDER/model.safetensors is loaded with `load_state_dict(strict=True)`; FOLDER/batch.safetensors holds a
batch and what Rust made of it in evaluation mode. Exits with an error at the first disagreement.
"""

import argparse
import pathlib

import torch
from safetensors.torch import load_file

from seqjepa_torch import ResNet, SeqJepa, Settings

TOLERANCE = 1e-5  # of the largest value: f32 arithmetic in another order, through about 40 layers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    state = load_file(folder / "model.safetensors")
    batch = load_file(folder / "batch.safetensors")

    model = SeqJepa(ResNet(18, 16), Settings())
    model.load_state_dict(state, strict=True)
    print(f"load_state_dict(strict=True) accepted {len(state)} tensors")
    inputs = {name: batch.pop(name) for name in ("observed", "target", "actions", "relative")}
    with torch.no_grad():
        outputs = model.eval()(**inputs)
    for name, expected in sorted(batch.items()):
        name = name.removeprefix("output.")
        found = outputs[name].reshape(expected.shape)
        error = ((found - expected).abs().max() / expected.abs().max()).item()
        print(f"{name:12} relative difference {error:.1e}")
        if not error <= TOLERANCE:
            raise SystemExit(f"{name} differs by {error}, more than {TOLERANCE}")


if __name__ == "__main__":
    main()

"""Proves that PyTorch accepts exported models and computes what Rust computed with them.

    cargo run --release -p seqjepa-model --example export_for_pytorch -- FOLDER
    python scripts/goldens/check_export.py FOLDER

For each model, FOLDER/NAME/model.safetensors is loaded with `load_state_dict(strict=True)`;
FOLDER/NAME/batch.safetensors holds a batch and what Rust made of it in evaluation mode. Then PyTorch saves the
state dict, and the file must hold the same bytes for every tensor. Exits with an error at the first disagreement.
"""

import argparse
import pathlib
import tempfile

import torch
from safetensors.torch import load_file, save_file

from seqjepa_torch import ResNet, SeqJepa, Settings, Vit, torchvision_resnet18

TOLERANCE = 1e-5  # of the largest value: f32 arithmetic in another order, through about 40 layers

FULL = Settings(embedding=128, hidden=1024)
MODELS = {
    "small": lambda: SeqJepa(ResNet(18, 16), Settings()),
    "cifar": lambda: SeqJepa(torchvision_resnet18("cifar"), FULL),
    "imagenet": lambda: SeqJepa(torchvision_resnet18("imagenet"), FULL),
    "vit": lambda: SeqJepa(Vit(), FULL),
}


def check(name, folder):
    state = load_file(folder / "model.safetensors")
    batch = load_file(folder / "batch.safetensors")
    model = MODELS[name]()
    model.load_state_dict(state, strict=True)
    print(f"{name}: load_state_dict(strict=True) accepted {len(state)} tensors")

    inputs = {key: batch.pop(key) for key in ("observed", "target", "actions", "relative")}
    with torch.no_grad():
        outputs = model.eval()(**inputs)
    for key, expected in sorted(batch.items()):
        key = key.removeprefix("output.")
        found = outputs[key].reshape(expected.shape)
        error = ((found - expected).abs().max() / expected.abs().max()).item()
        print(f"  {key:12} relative difference {error:.1e}")
        if not error <= TOLERANCE:
            raise SystemExit(f"{name}: {key} differs by {error}, more than {TOLERANCE}")

    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "again.safetensors"
        save_file({n: t.contiguous() for n, t in model.state_dict().items()}, path)
        again = load_file(path)
    if again.keys() != state.keys() or not all(torch.equal(again[n], t) for n, t in state.items()):
        raise SystemExit(f"{name}: PyTorch's own state dict differs from the export")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    for name in MODELS:
        check(name, folder / name)


if __name__ == "__main__":
    main()

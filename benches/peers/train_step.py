"""One training step of seq-JEPA in PyTorch on the CPU, beside the criterion figures of this project.

    cargo bench --bench train_step
    python -m pip install -r benches/peers/requirements.txt
    python benches/peers/train_step.py

The model of scripts/goldens/seqjepa_torch.py with the sizes of benches/train_step.rs: forward, backward, Adam, moving average;
f32, all cores, dropout on, no data loading, no probes. Eager PyTorch in both memory formats, and `torch.compile` where a
compiler is there. Prints one Markdown table: seconds a step, and how much faster this project is (below 1: slower).

Least times are compared, of criterion's samples and of each peer's steps, so that a job that interrupts some of them does
not show.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "goldens"))

from seqjepa_torch import ResNet, SeqJepa, Settings  # noqa: E402

VIEWS, SIZE, ACTIONS = 3, 32, 9
CASES = {"width_16/batch_32": (16, 32), "width_64/batch_8": (64, 8)}


def step(width, batch, channels_last, compiled):
    """A training step, to be called again and again."""
    torch.manual_seed(42)
    settings = Settings(embedding=128, heads=4, layers=3, hidden=1024, dropout=0.1)
    model = SeqJepa(ResNet(18, width), settings).train()
    observed, target = torch.randn(batch, VIEWS, 3, SIZE, SIZE), torch.randn(batch, 3, SIZE, SIZE)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        target = target.contiguous(memory_format=torch.channels_last)
    actions, relative = torch.randn(batch, VIEWS + 1, ACTIONS), torch.randn(batch, VIEWS, ACTIONS)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    forward = torch.compile(model) if compiled else model

    def run():
        optimizer.zero_grad(set_to_none=True)
        forward(observed, target, actions, relative)["loss"].backward()
        optimizer.step()
        model.after_step()

    return run


def least(run, seconds):
    for _ in range(3):
        run()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def ours(criterion, name):
    """The best sample of a criterion figure, in seconds."""
    folder = criterion / "train_step" / name.replace("/", "_") / "new"
    sample = json.loads((folder / "sample.json").read_text())
    return min(time / count for time, count in zip(sample["times"], sample["iters"])) * 1e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--criterion", type=Path, default=ROOT / "target" / "criterion")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    arguments = parser.parse_args()
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| step | s | seqjepa is faster by |")
    print("|---|---:|---:|")
    for name, (width, batch) in CASES.items():
        own = ours(arguments.criterion, name)
        print(f"| {name}, seqjepa | {own:.3f} | 1 |")
        for title, channels_last, compiled in (
            ("PyTorch", False, False),
            ("PyTorch, channels last", True, False),
            ("PyTorch, compiled", False, True),
        ):
            if compiled and arguments.no_compile:
                continue
            try:
                found = least(step(width, batch, channels_last, compiled), arguments.seconds)
            except Exception as error:  # a missing compiler, most likely
                print(f"| {name}, {title} | {type(error).__name__} | - |", flush=True)
                continue
            print(f"| {name}, {title} | {found:.3f} | {found / own:.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""Convolutions of residual networks in PyTorch on the CPU, beside the criterion figures of this project.

    cargo bench --bench convolution
    python -m pip install -r benches/peers/requirements.txt
    python benches/peers/convolution.py

The layers of benches/convolution.rs: torch.nn.functional.conv2d, and both gradients by torch.ops.aten.convolution_backward, one at a
time; f32, all cores (`--threads` for fewer: then give criterion as many with RAYON_NUM_THREADS), contiguous and channels last.
Prints a Markdown table: milliseconds, with Burn's own as criterion has them, and how much faster this project is than Burn and than
PyTorch's better format (below 1: slower).

Least times are compared, of criterion's samples and of each peer's calls, so that a job that interrupts some of them does
not show.
"""

import argparse
from pathlib import Path

import torch
from measure import best_sample, least

ROOT = Path(__file__).resolve().parents[2]

BATCH = 32
# Inputs, outputs, side, kernel and stride.
LAYERS = (
    (3, 64, 32, 3, 1),
    (16, 16, 32, 3, 1),
    (64, 64, 32, 3, 1),
    (64, 128, 32, 3, 2),
    (64, 128, 32, 1, 2),
    (256, 256, 8, 3, 1),
    (512, 512, 4, 3, 1),
    (256, 64, 32, 1, 1),
)
PASSES = ("forward", "input_gradient", "weight_gradient")
FORMATS = (torch.contiguous_format, torch.channels_last)


def passes(layer, memory_format):
    """The three passes of a layer, each to be called again and again."""
    inputs, outputs, side, kernel, stride = layer
    torch.manual_seed(42)
    images = torch.randn(BATCH, inputs, side, side).contiguous(memory_format=memory_format)
    weight = torch.randn(outputs, inputs, kernel, kernel).contiguous(memory_format=memory_format)
    padding = kernel // 2

    def forward():
        return torch.nn.functional.conv2d(images, weight, stride=stride, padding=padding)

    gradient = torch.randn_like(forward()).contiguous(memory_format=memory_format)

    def backward(wanted):
        return torch.ops.aten.convolution_backward(
            gradient, images, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, wanted
        )

    return forward, lambda: backward([True, False, False]), lambda: backward([False, True, False])


def measured(criterion, name, title, whose):
    """In seconds; nan where it was not measured."""
    folder = criterion / "convolution" / f"{name}_{title}_{whose}"
    return best_sample(folder) if folder.exists() else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--criterion", type=Path, default=ROOT / "target" / "criterion")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| layer | pass | seqjepa | Burn | PyTorch | channels last | times Burn | times PyTorch |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for layer in LAYERS:
        inputs, outputs, side, kernel, stride = layer
        name = f"{inputs}x{side}x{side}_{outputs}_k{kernel}_s{stride}"
        with torch.inference_mode():
            formats = [passes(layer, memory_format) for memory_format in FORMATS]
            for title, *runs in zip(PASSES, *formats):
                peers = [least(run, arguments.seconds) for run in runs]
                own, burn = (measured(arguments.criterion, name, title, whose) for whose in ("seqjepa", "burn"))
                milliseconds = " | ".join(f"{seconds * 1e3:.2f}" for seconds in (own, burn, *peers))
                ratios = f"{burn / own:.2f} | {min(peers) / own:.2f}"
                print(f"| {name} | {title} | {milliseconds} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()

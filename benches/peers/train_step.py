"""A training step and the encoder of seq-JEPA in PyTorch on the CPU, beside the criterion figures of this project.

    cargo bench --bench train_step
    cargo bench --bench encoder
    python -m pip install -r benches/peers/requirements.txt
    python benches/peers/train_step.py

The model of scripts/goldens/seqjepa_torch.py with the sizes of benches/train_step.rs: forward, backward, Adam, moving average;
f32, all cores, dropout on, no data loading, no probes. Then the images of benches/encoder.rs through the encoder alone, in evaluation
mode without gradients. Eager PyTorch in both memory formats, and `torch.compile` where a compiler is there. Prints Markdown tables:
seconds, and how much faster this project is (below 1: slower). `--memory` prints the peak memory of the steps instead, each in a
process of its own.

Least times are compared, of criterion's samples and of each peer's steps, so that a job that interrupts some of them does
not show.

With `--device` PyTorch is measured alone, on that device: seconds a step, views a second and peak memory of each variant and batch, in f32,
in TF32 and with bf16 autocast. scripts/gpu_check.sh calls it so.

    python benches/peers/train_step.py --device cuda --width 64 --batches 32 128 512
"""

import argparse
import contextlib
import subprocess
import sys
from pathlib import Path

import torch
from measure import ROOT, best_sample, built, least

sys.path.insert(0, str(ROOT / "scripts" / "goldens"))

from seqjepa_torch import ResNet, SeqJepa, Settings  # noqa: E402

VIEWS, SIZE, ACTIONS = 3, 32, 9
STEPS = {"width_16/batch_32": (16, 32), "width_64/batch_8": (64, 8), "width_64/batch_32": (64, 32)}
ENCODERS, IMAGES = {"width_16": 16, "width_64": 64}, 256
# Of `--device`: title, channels last, compiled, TF32, bf16.
DEVICE_VARIANTS = (
    ("f32", False, False, False, False),
    ("TF32", False, False, True, False),
    ("TF32, channels last", True, False, True, False),
    ("TF32, channels last, compiled", True, True, True, False),
    ("bf16, channels last", True, False, True, True),
    ("bf16, channels last, compiled", True, True, True, True),
)
VARIANTS = (("PyTorch", False, False), ("PyTorch, channels last", True, False), ("PyTorch, compiled", False, True))


def step(width, batch, channels_last, compiled, device="cpu", bf16=False):
    """A training step, to be called again and again."""
    torch.manual_seed(42)
    settings = Settings(embedding=128, heads=4, layers=3, hidden=1024, dropout=0.1)
    model = SeqJepa(ResNet(18, width), settings).train().to(device)
    observed, target = torch.randn(batch, VIEWS, 3, SIZE, SIZE, device=device), torch.randn(batch, 3, SIZE, SIZE, device=device)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        target = target.contiguous(memory_format=torch.channels_last)
    actions, relative = torch.randn(batch, VIEWS + 1, ACTIONS, device=device), torch.randn(batch, VIEWS, ACTIONS, device=device)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    forward = torch.compile(model) if compiled else model
    precision = torch.autocast(torch.device(device).type, torch.bfloat16) if bf16 else contextlib.nullcontext()

    def run():
        optimizer.zero_grad(set_to_none=True)
        with precision:
            loss = forward(observed, target, actions, relative)["loss"]
        loss.backward()
        optimizer.step()
        model.after_step()

    return run


def encoder(width, channels_last, compiled):
    """Images through the encoder."""
    torch.manual_seed(42)
    model, images = ResNet(18, width).eval(), torch.randn(IMAGES, 3, SIZE, SIZE)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    forward = torch.compile(model) if compiled else model

    def run():
        with torch.inference_mode():
            forward(images)

    return run


def ours(criterion, group, name):
    return best_sample(criterion / group / name.replace("/", "_"))


def compare(arguments, group, name, make):
    own = ours(arguments.criterion, group, name)
    print(f"| {name}, seqjepa | {own:.3f} | 1 |", flush=True)
    for title, channels_last, compiled in VARIANTS:
        if compiled and arguments.no_compile:
            continue
        try:
            found = least(make(channels_last, compiled), arguments.seconds)
        except Exception as error:  # a missing compiler, most likely
            print(f"| {name}, {title} | {type(error).__name__} | - |", flush=True)
            continue
        print(f"| {name}, {title} | {found:.3f} | {found / own:.2f} |", flush=True)


def peak_of(command):
    """Peak memory of a child process in MiB, measured by a parent of its own: the maximum is over all children so far."""
    measure = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); " \
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    done = subprocess.run([sys.executable, "-c", measure, *map(str, command)], check=True, capture_output=True, text=True)
    return int(done.stdout)


def memory():
    program = built("--profile", "bench", "--bench", "train_step")
    print("| step | seqjepa, MiB | PyTorch | channels last |")
    print("|---|---:|---:|---:|")
    for name in STEPS:
        own = peak_of([program, "--bench", "--profile-time", "3", f"^train_step/{name}$"])
        peers = [peak_of([sys.executable, __file__, "--one", name, title]) for title, *_ in VARIANTS[:2]]
        print(f"| {name} | {own} | " + " | ".join(map(str, peers)) + " |", flush=True)


def step_on(device, width, batch, channels_last, compiled, bf16, seconds):
    """Least seconds of a step on a device, and its peak memory in bytes where PyTorch counts it. Nothing of the step is left after it."""
    cuda = device.type == "cuda"
    torch.compiler.reset()
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    run = step(width, batch, channels_last, compiled, device, bf16)

    def finished():
        run()
        if cuda:
            torch.cuda.synchronize(device)

    found = least(finished, seconds)
    return found, torch.cuda.max_memory_allocated(device) if cuda else None


def on_device(arguments):
    """PyTorch's table of one device. A variant that cannot be had, or does not fit, has its reason in the place of a time."""
    device = torch.device(arguments.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"PyTorch {torch.__version__}, {name}, ResNet-18 of width {arguments.width}\n")
    print("| variant | batch | s a step | views/s | peak MiB |")
    print("|---|---:|---:|---:|---:|")
    for title, channels_last, compiled, tf32, bf16 in DEVICE_VARIANTS:
        if compiled and arguments.no_compile:
            continue
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        for batch in arguments.batches:
            try:
                seconds, peak = step_on(device, arguments.width, batch, channels_last, compiled, bf16, arguments.seconds)
            except Exception as error:  # out of memory, a missing compiler
                print(f"| {title} | {batch} | {type(error).__name__} | - | - |", flush=True)
                continue
            peak = "-" if peak is None else peak >> 20
            print(f"| {title} | {batch} | {seconds:.4f} | {batch * (VIEWS + 1) / seconds:.0f} | {peak} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--criterion", type=Path, default=ROOT / "target" / "criterion")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of times; builds and runs the benchmark itself")
    parser.add_argument("--one", nargs=2, metavar=("STEP", "VARIANT"), help="a few steps of one case, for --memory")
    parser.add_argument("--device", help="PyTorch alone on this device, as cuda or cuda:1")
    parser.add_argument("--width", type=int, default=64, help="of the encoder, with --device")
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 64, 128, 256, 512], help="with --device")
    arguments = parser.parse_args()
    if arguments.device:
        return on_device(arguments)
    if arguments.one:
        name, title = arguments.one
        channels_last, compiled = next(flags for label, *flags in VARIANTS if label == title)
        run = step(*STEPS[name], channels_last, compiled)
        for _ in range(4):
            run()
        return
    if arguments.memory:
        return memory()
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| step | s | seqjepa is faster by |")
    print("|---|---:|---:|")
    for name, (width, batch) in STEPS.items():
        compare(arguments, "train_step", name, lambda last, compiled: step(width, batch, last, compiled))
    print(f"\n| encoder, {IMAGES} images | s | seqjepa is faster by |")
    print("|---|---:|---:|")
    for name, width in ENCODERS.items():
        compare(arguments, "encoder", name, lambda last, compiled: encoder(width, last, compiled))


if __name__ == "__main__":
    main()

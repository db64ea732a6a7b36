"""What the scripts beside this one measure with."""

import json
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def least(run, seconds):
    """The least seconds of a call, after three to warm up."""
    for _ in range(3):
        run()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def best_sample(folder):
    """The best sample of the criterion figure in a folder, in seconds an iteration."""
    sample = json.loads((folder / "new" / "sample.json").read_text())
    return min(time / count for time, count in zip(sample["times"], sample["iters"])) * 1e-9


def built(*arguments):
    """The program that `cargo build` makes with these arguments."""
    command = ["cargo", "build", "--message-format", "json-render-diagnostics", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return [message["executable"] for message in messages if message.get("executable")][-1]

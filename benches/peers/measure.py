"""What the scripts beside this one measure with."""

import json
import time


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

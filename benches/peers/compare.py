"""The observed-view pipeline in other libraries, on the images and the machine of the criterion figures.

    cargo bench --bench augmentation -- observed_view/32
    python -m pip install -r benches/peers/requirements.txt
    python benches/peers/compare.py

One thread, 32 x 32 RGB noise, seed 42: random resized crop (bicubic), flip, colour jitter p 0.8, greyscale
p 0.2, Gaussian blur p 1, normalise to f32 CHW. Prints one Markdown table: views a second, and the ratio of this
project's figure to each. Every peer is timed for `--seconds` after one warm-up pass; the best pass counts.
"""

import argparse
import importlib.metadata
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms as v1
from torchvision.transforms import InterpolationMode, v2

SIZE, SEED = 32, 42
MEAN, STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
JITTER = (0.4, 0.4, 0.2, 0.1)
SCALE, RATIO = (0.2, 1.0), (3 / 4, 4 / 3)


def torchvision_pil(images):
    pipeline = v1.Compose(
        [
            v1.RandomResizedCrop(SIZE, SCALE, RATIO, InterpolationMode.BICUBIC),
            v1.RandomHorizontalFlip(),
            v1.RandomApply([v1.ColorJitter(*JITTER)], 0.8),
            v1.RandomGrayscale(0.2),
            v1.GaussianBlur(3, (0.1, 2.0)),
            v1.ToTensor(),
            v1.Normalize(MEAN, STD),
        ]
    )
    pictures = [Image.fromarray(image) for image in images]
    return lambda: [pipeline(picture) for picture in pictures]


def torchvision_v2(images):
    pipeline = v2.Compose(
        [
            v2.RandomResizedCrop(SIZE, SCALE, RATIO, InterpolationMode.BICUBIC, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(*JITTER)], 0.8),
            v2.RandomGrayscale(0.2),
            v2.GaussianBlur(3, (0.1, 2.0)),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    tensors = [torch.from_numpy(image).permute(2, 0, 1).contiguous() for image in images]
    return lambda: [pipeline(tensor) for tensor in tensors]


def kornia(images):
    import kornia.augmentation as K

    pipeline = K.AugmentationSequential(
        K.RandomResizedCrop((SIZE, SIZE), SCALE, RATIO, resample="bicubic"),
        K.RandomHorizontalFlip(),
        K.ColorJitter(*JITTER, p=0.8),
        K.RandomGrayscale(p=0.2),
        K.RandomGaussianBlur((3, 3), (0.1, 2.0), p=1.0),
        K.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
    )
    bytes_ = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    return lambda: [pipeline(batch.float() / 255) for batch in bytes_.split(256)]


def albumentations(images):
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    pipeline = A.Compose(
        [
            A.RandomResizedCrop((SIZE, SIZE), SCALE, RATIO, interpolation=cv2.INTER_CUBIC),
            A.HorizontalFlip(),
            A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.8, 1.2), (-0.1, 0.1), p=0.8),
            A.ToGray(p=0.2),
            A.GaussianBlur((3, 3), (0.1, 2.0), p=1.0),
            A.Normalize(MEAN, STD),
        ]
    )
    return lambda: [np.ascontiguousarray(pipeline(image=image)["image"].transpose(2, 0, 1)) for image in images]


PEERS = {
    "torchvision on PIL images": (torchvision_pil, "torchvision"),
    "torchvision v2 on tensors": (torchvision_v2, "torchvision"),
    "kornia, batches of 256": (kornia, "kornia"),
    "albumentations": (albumentations, "albumentations"),
}


def views_per_second(run, count, seconds):
    run()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return count / best


def ours(criterion, name):
    """Views a second of one criterion figure: the mean estimate over the group's 512 views."""
    estimates = json.loads((criterion / "observed_view" / name / "new/estimates.json").read_text())
    throughput = json.loads((criterion / "observed_view" / name / "new/benchmark.json").read_text())["throughput"]
    return throughput["Elements"] / (estimates["mean"]["point_estimate"] * 1e-9)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--criterion", type=Path, default=Path("target/criterion"))
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    images = np.random.default_rng(SEED).integers(0, 256, (512, SIZE, SIZE, 3), dtype=np.uint8)

    own = ours(arguments.criterion, "32/1_thread")
    rows = [("seqjepa-data, 1 thread", own)]
    rows.append(("seqjepa-data, all threads", ours(arguments.criterion, "32/all_threads")))
    for name, (peer, package) in PEERS.items():
        speed = views_per_second(peer(images), len(images), arguments.seconds)
        rows.append((f"{name} ({importlib.metadata.version(package)}), 1 thread", speed))
    print("| pipeline, 32 x 32 RGB to normalised f32 | views/s | seqjepa-data, 1 thread, is |")
    print("|---|---:|---:|")
    for name, speed in rows:
        print(f"| {name} | {speed:,.0f} | {own / speed:,.1f} x |")


if __name__ == "__main__":
    main()

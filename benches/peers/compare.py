"""The observed-view pipeline in other libraries, on the images and the machine of the criterion figures.

    cargo bench --bench augmentation -- observed_view/32
    python -m pip install -r benches/peers/requirements.txt
    python benches/peers/compare.py

One thread, 32 x 32 RGB noise, seed 42: random resized crop (bicubic), flip, colour jitter p 0.8, greyscale
p 0.2, Gaussian blur p 1, normalise to f32 CHW. Prints one Markdown table: views a second, and the ratio of this
project's figure to each.

Least times are compared: of criterion's samples and of each peer's passes over 16 to 64 images (kornia: one batch of 256),
which take about as long as a sample. So a job that interrupts some of them does not show. Criterion's mean is
printed below the table. On a machine with other jobs, still run both right after one another.
"""

import argparse
import importlib.metadata
import json
import time
from pathlib import Path

import numpy as np
import torch
from measure import best_sample
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
    return 16, lambda part: [pipeline(picture) for picture in pictures[part]]


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
    return 16, lambda part: [pipeline(tensor) for tensor in tensors[part]]


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
    return 256, lambda part: pipeline(bytes_[part].float() / 255)


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
    view = lambda image: np.ascontiguousarray(pipeline(image=image)["image"].transpose(2, 0, 1))
    return 64, lambda part: [view(image) for image in images[part]]


PEERS = {
    "torchvision on PIL images": (torchvision_pil, "torchvision"),
    "torchvision v2 on tensors": (torchvision_v2, "torchvision"),
    "kornia, batches of 256": (kornia, "kornia"),
    "albumentations": (albumentations, "albumentations"),
}


def views_per_second(run, size, count, seconds):
    """The best pass over `size` of the images, after one over each part of them."""
    parts = [slice(start, start + size) for start in range(0, count, size)]
    for part in parts:
        run(part)
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        for part in parts:
            start = time.perf_counter()
            run(part)
            best = min(best, time.perf_counter() - start)
    return size / best


def ours(criterion, name):
    """Views a second of one criterion figure: of its best sample, and of the mean."""
    read = lambda file: json.loads((criterion / "observed_view" / name / "new" / file).read_text())
    views = read("benchmark.json")["throughput"]["Elements"]
    mean = read("estimates.json")["mean"]["point_estimate"]
    return views / best_sample(criterion / "observed_view" / name), views / (mean * 1e-9)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--criterion", type=Path, default=Path("target/criterion"))
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    images = np.random.default_rng(SEED).integers(0, 256, (512, SIZE, SIZE, 3), dtype=np.uint8)

    own, mean = ours(arguments.criterion, "32/1_thread")
    all_threads, all_mean = ours(arguments.criterion, "32/all_threads")
    rows = [("seqjepa-data, 1 thread", own), ("seqjepa-data, all threads", all_threads)]
    for name, (peer, package) in PEERS.items():
        size, run = peer(images)
        speed = views_per_second(run, size, len(images), arguments.seconds)
        rows.append((f"{name} ({importlib.metadata.version(package)}), 1 thread", speed))
    print("| pipeline, 32 x 32 RGB to normalised f32 | views/s | seqjepa-data, 1 thread, is |")
    print("|---|---:|---:|")
    for name, speed in rows:
        print(f"| {name} | {speed:,.0f} | {own / speed:,.1f} x |")
    print(f"\nCriterion's means: {mean:,.0f} views/s on one thread, {all_mean:,.0f} on all.")


if __name__ == "__main__":
    main()

"""Golden views: what torchvision's functional operators make of 8-bit PIL images.

    python scripts/goldens/augmentation.py                          # rewrites the committed fixtures
    python scripts/goldens/augmentation.py --out DIR --cases 12000  # a long check, then:
    SEQJEPA_AUGMENT_CASES=DIR cargo test -p seqjepa-data --test augment_golden

Needs torch, torchvision 0.29, Pillow 13 and numpy. A folder of cases holds

- cases.jsonl.gz: one case a line: image, channels, params (as the crate serialises them), normalized,
  and the md5 of the f32 view, or null;
- images.bin.gz: source images, raw; every case names offset, height, width and channels;
- expected.bin.gz: the views in bytes, [height, width, 3], one after the other;
- sampler.json (fixtures only): histograms of torchvision's crop sampler.
"""

import argparse
import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as F

FIXTURES = Path(__file__).parents[2] / "crates/data/tests/fixtures/augment"
STEPS = ["brightness", "contrast", "saturation", "hue"]
MEAN, STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)  # CIFAR-100
FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def natural(rng, height, width):
    """A smooth scene with edges, texture and sensor noise."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    scene = np.zeros((height, width, 3))
    for _ in range(5):
        fx, fy, phase = rng.normal(0, 4), rng.normal(0, 4), rng.uniform(0, 7, 3)
        scene += np.sin((fx * x + fy * y)[..., None] + phase) * rng.uniform(8, 40)
    for _ in range(4):
        cy, cx, radius = rng.uniform(0, 1, 3) * (1, 1, 0.4)
        inside = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
        scene[inside] = rng.uniform(-128, 128, 3) + 0.3 * scene[inside]
    return np.clip(scene + 128 + rng.normal(0, 3, scene.shape), 0, 255).astype(np.uint8)


def picture(rng, kind, height, width):
    """One source image, [height, width, 3] (or [height, width, 1] for grey)."""
    if kind == "natural":
        return natural(rng, height, width)
    if kind == "gray":
        return natural(rng, height, width)[..., :1]
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "constant":
        return np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (height, width, 3)).copy()
    if kind == "extreme":
        return rng.choice(np.array([0, 255], np.uint8), (height, width, 3))
    assert kind == "near_gray"
    base = rng.integers(0, 256, (height, width, 1))
    return np.clip(base + rng.integers(-2, 3, (height, width, 3)), 0, 255).astype(np.uint8)


KINDS = ["natural", "natural", "natural", "noise", "constant", "extreme", "near_gray", "gray"]


def f32(value):
    """The nearest f32, as a Python float: parameters are f32, as torch draws them."""
    return float(np.float32(value))


def identity(height, width):
    return {
        "crop": {"top": 0, "left": 0, "height": height, "width": width},
        "output_height": height,
        "output_width": width,
        "interpolation": "bicubic",
        "flip": False,
        "jitter": None,
        "grayscale": False,
        "blur": None,
        "solarize": None,
    }


def jitter(order=STEPS, **factors):
    return {"order": list(order), **{step: factors.get(step) for step in STEPS}}


def random_crop(rng, height, width):
    h, w = int(rng.integers(1, height + 1)), int(rng.integers(1, width + 1))
    return {
        "top": int(rng.integers(0, height - h + 1)),
        "left": int(rng.integers(0, width - w + 1)),
        "height": h,
        "width": w,
    }


def random_factor(rng, low=0.0, high=2.0):
    return f32(rng.choice([0.0, 1.0, 2.0, 0.6, 1.4]) if rng.random() < 0.2 else rng.uniform(low, high))


def random_hue(rng):
    return f32(rng.choice([-0.5, 0.5, 0.0, -0.1, 0.1]) if rng.random() < 0.2 else rng.uniform(-0.5, 0.5))


def published(rng, height, width, size, target):
    """The published distribution (arXiv 2505.03176), with every crop size equally likely."""
    params = identity(height, width)
    params.update(crop=random_crop(rng, height, width), output_height=size, output_width=size)
    params["flip"] = bool(rng.random() < 0.5)
    if rng.random() < 0.8:
        params["jitter"] = jitter(
            rng.permutation(STEPS).tolist(),
            brightness=f32(rng.uniform(0.6, 1.4)),
            contrast=f32(rng.uniform(0.6, 1.4)),
            saturation=f32(rng.uniform(0.8, 1.2)),
            hue=f32(rng.uniform(-0.1, 0.1)),
        )
    params["grayscale"] = bool(rng.random() < 0.2)
    if rng.random() < (0.1 if target else 1.0):
        kernel = 2 * round((size - 10) / 20) + 1
        params["blur"] = {"sigma": f32(rng.uniform(0.1, 2)), "kernel_size": kernel}
    if target and rng.random() < 0.2:
        params["solarize"] = 128
    return params


def single(rng, operator, height, width, size=None):
    """Parameters that apply one operator."""
    params = identity(height, width)
    if operator == "resize":
        size = size or (int(rng.integers(1, 65)), int(rng.integers(1, 65)))
        params.update(crop=random_crop(rng, height, width), output_height=size[0], output_width=size[1])
        params["interpolation"] = str(rng.choice(list(FILTERS)))
        params["flip"] = bool(rng.random() < 0.5)
    elif operator == "hue":
        params["jitter"] = jitter(hue=random_hue(rng))
    elif operator in STEPS:
        params["jitter"] = jitter(**{operator: random_factor(rng)})
    elif operator == "grayscale":
        params["grayscale"] = True
    elif operator == "blur":
        largest = min(height, width, 16)
        kernel = 2 * int(rng.integers(0, largest)) + 1 if rng.random() < 0.5 else 3
        kernel = min(kernel, 2 * (min(height, width) - 1) + 1)
        params["blur"] = {"sigma": f32(rng.uniform(0.1, 2)), "kernel_size": kernel}
    else:
        params["solarize"] = int(rng.integers(0, 256))
    return params


OPERATORS = ["resize", *STEPS, "grayscale", "blur", "solarize"]


def reference(pixels, params):
    """The view in bytes and in normalised f32."""
    image = Image.fromarray(np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels)
    crop = params["crop"]
    size = [params["output_height"], params["output_width"]]
    box = crop["top"], crop["left"], crop["height"], crop["width"]
    image = F.resized_crop(image, *box, size, FILTERS[params["interpolation"]])
    if params["flip"]:
        image = F.hflip(image)
    if factors := params["jitter"]:
        for step in factors["order"]:
            if factors[step] is not None:
                image = getattr(F, f"adjust_{step}")(image, factors[step])
    if params["grayscale"]:
        image = F.rgb_to_grayscale(image, 3)
    if blur := params["blur"]:
        image = F.gaussian_blur(image, [blur["kernel_size"]] * 2, [blur["sigma"]] * 2)
    if params["solarize"] is not None:
        image = F.solarize(image, params["solarize"])
    normalized = F.normalize(F.to_tensor(image), MEAN, STD)
    return np.asarray(image), normalized.contiguous().numpy()


class Writer:
    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        # No time stamp: the same cases give the same files.
        self.raw = [open(folder / name, "wb") for name in ("cases.jsonl.gz", "images.bin.gz", "expected.bin.gz")]
        self.cases, self.images, self.expected = (
            gzip.GzipFile("", "wb", 9, file, mtime=0) for file in self.raw
        )
        self.offset = self.count = 0

    def image(self, pixels):
        self.images.write(pixels.tobytes())
        place = {"offset": self.offset, **dict(zip(("height", "width", "channels"), pixels.shape))}
        self.offset += pixels.size
        return pixels, place

    def case(self, image, params):
        view, normalized = reference(image[0], params)
        digest = hashlib.md5(normalized.tobytes()).hexdigest()
        case = {"image": image[1], "params": params, "normalized_md5": digest}
        self.cases.write(json.dumps(case, separators=(",", ":")).encode() + b"\n")
        self.expected.write(view.tobytes())
        self.count += 1

    def close(self):
        for file in (self.cases, self.images, self.expected, *self.raw):
            file.close()


def fixtures(writer):
    """A few hundred cases, small enough to commit."""
    rng = np.random.default_rng(0)
    images = [writer.image(picture(rng, kind, 32, 32)) for kind in dict.fromkeys(KINDS)]
    for target in (False, True):
        for image in images:
            for _ in range(4):
                writer.case(image, published(rng, 32, 32, 32, target))
    # Small images, so that many parameters fit.
    small = [writer.image(picture(rng, kind, 9, 11)) for kind in dict.fromkeys(KINDS)]
    for image in small:
        for step in STEPS[:3]:
            for factor in (0.0, 0.3, 1.0, 1.37, 2.0):
                writer.case(image, {**identity(9, 11), "jitter": jitter(**{step: f32(factor)})})
        for hue in (-0.5, -0.1, 0.0, 0.0039, 0.23, 0.5):
            writer.case(image, {**identity(9, 11), "jitter": jitter(hue=f32(hue))})
        for sigma in (0.1, 0.5, 1.0, 2.0):
            for kernel in (1, 3, 7, 17):
                blur = {"sigma": f32(sigma), "kernel_size": kernel}
                writer.case(image, {**identity(9, 11), "blur": blur})
        writer.case(image, {**identity(9, 11), "grayscale": True})
        for threshold in (0, 1, 128, 255):
            writer.case(image, {**identity(9, 11), "solarize": threshold})
        for size in ((1, 1), (3, 5), (4, 20), (17, 2)):
            writer.case(image, single(rng, "resize", 9, 11, size))
    # Every crop side of a 32-pixel image, both filters, mirrored or not.
    for side in range(1, 33):
        params = single(rng, "resize", 32, 32, (4, 32))
        params["crop"] = {"top": 0, "left": 32 - side, "height": side, "width": side}
        writer.case(images[side % 3], params)
    # Other sizes: enlarged, reduced, both at once.
    sources = {n: writer.image(picture(rng, "natural", *n)) for n in ((28, 28), (64, 64), (96, 80), (224, 160))}
    for (height, width), size in (
        ((28, 28), 28), ((64, 64), 64), ((96, 80), 96), ((224, 160), 96), ((224, 160), 24), ((28, 28), 64),
    ):
        writer.case(sources[height, width], published(rng, height, width, size, False))
        writer.case(sources[height, width], single(rng, "resize", height, width, (size // 2, size)))


def exhaustive(writer, cases, seed):
    """Any number of random cases over every kind of image, operator and size."""
    rng = np.random.default_rng(seed)
    while writer.count < cases:
        kind = str(rng.choice(KINDS))
        shape = (32, 32) if rng.random() < 0.7 else tuple(int(n) for n in rng.integers(1, 130, 2))
        image = writer.image(picture(rng, kind, *shape))
        for operator in OPERATORS:
            writer.case(image, single(rng, operator, *shape))
        for target in (False, True):
            for _ in range(4):
                size = 32 if rng.random() < 0.8 else int(rng.choice([28, 48, 64, 96]))
                writer.case(image, published(rng, *shape, size, target))
    for height, width, size in ((224, 224, 96), (512, 400, 224), (96, 96, 224), (500, 375, 64), (300, 512, 512)):
        image = writer.image(picture(rng, "natural", height, width))
        for target in (False, True):
            writer.case(image, published(rng, height, width, size, target))


def sampler(path, draws=100_000):
    """Histograms of torchvision's crop sampler on a 32 x 32 and a 40 x 24 image."""
    torch.manual_seed(0)
    policies = []
    for height, width, scale in ((32, 32, (0.2, 1.0)), (40, 24, (0.3, 1.0))):
        image = torch.empty(3, height, width)
        counts = {name: [0] * 41 for name in ("top", "left", "height", "width")}
        for _ in range(draws):
            crop = RandomResizedCrop.get_params(image, scale, (3 / 4, 4 / 3))
            for name, value in zip(counts, crop):
                counts[name][value] += 1
        policies.append(
            {"source_height": height, "source_width": width, "scale": scale, "draws": draws, "counts": counts}
        )
    path.write_text(json.dumps(policies, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES)
    parser.add_argument("--cases", type=int, default=0, help="random cases; 0 writes the fixtures")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    writer = Writer(arguments.out)
    if arguments.cases:
        exhaustive(writer, arguments.cases, arguments.seed)
    else:
        fixtures(writer)
        sampler(arguments.out / "sampler.json")
    writer.close()
    print(f"{writer.count} cases in {arguments.out}")


if __name__ == "__main__":
    main()

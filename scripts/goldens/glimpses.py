"""Golden files for STL-10 and glimpses: what torchvision reads, what the published geometry shows, where a gaze falls.

    python scripts/goldens/glimpses.py        # rewrites the committed fixture

Needs torch, torchvision, numpy. The archive holds a set of a few images in STL-10's binary files, saliency maps in the published
layout (`train/saliency_train.npy`, float32, [images, 1, 96, 96]) and, last, `expected.json`:

- `images`: of each image the SHA-256 of its RGB bytes as torchvision.datasets.STL10 gives it, and its label;
- `published`: glimpses of image 0 by the published code's steps (torch's grid_sample over a grid of its own, turned and mirrored,
  to bytes), each as row, column and the file in the archive that holds its bytes, [3, 32, 32];
- `gazes`: rows and columns that are drawn for seed, split, epoch, sample and a number of views, by a plain numpy version of the
  draws, fed by a Philox generator of its own.
"""

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from torchvision.transforms import functional

FIXTURE = Path(__file__).parents[2] / "crates/data/tests/fixtures/glimpses.tar.gz"
SIDE, SIZE, RADIUS = 96, 32, 16
NAMES = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]


class Stl10(torchvision.datasets.STL10):
    """Any number of images: the official one's check sums do not hold."""

    def _check_integrity(self):
        return True


def image(number):
    """RGB bytes [row, column, channel]: waves, a bright square and noise in the lower half, different in all three axes."""
    rng = np.random.default_rng(number)
    row, column, channel = np.mgrid[0:SIDE, 0:SIDE, 0:3]
    value = 120 + 60 * np.sin(row / (5 + number) + channel) + 40 * np.cos(column / 9 + 2 * channel)
    value[20:50, 10:30] += 60
    value += np.where(row >= SIDE // 2, rng.integers(-2, 3, value.shape), 0)
    return np.clip(np.round(value / 4) * 4, 0, 255).astype(np.uint8)


def record(pixels):
    """The bytes of a record: planes, each column by column."""
    return pixels.transpose(2, 1, 0).tobytes()


def saliency(number):
    """Whole numbers, so that their sum is exact in any order: two blobs, some nothing, and one map of zeros."""
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    blob = lambda r, c, width: np.exp(-((row - r) ** 2 + (column - c) ** 2) / (2 * width**2))
    value = 200 * blob(20 + 15 * number, 60 - 9 * number, 9) + 90 * blob(70, 20 + 20 * number, 14)
    value[:10] = 0
    return (np.round(value) * (number != 2)).astype(np.float32)


def published(pixels, row, column):
    """A glimpse as the published code makes it, as bytes [3, SIZE, SIZE]."""
    line = torch.linspace(-1, 1, SIZE)
    first, second = torch.meshgrid(line, line, indexing="ij")
    centers = torch.tensor([row, column]).float() * 2 / SIDE - 1
    grid = torch.stack([first * (SIZE / SIDE) + centers[0], second * (SIZE / SIDE) + centers[1]], -1)
    source = functional.to_tensor(pixels).unsqueeze(0)
    glimpse = torch.nn.functional.grid_sample(source, grid.unsqueeze(0), mode="bilinear", padding_mode="zeros",
                                              align_corners=False)
    glimpse = functional.hflip(functional.rotate(glimpse, -90))
    return np.asarray(functional.to_pil_image(glimpse[0])).transpose(2, 0, 1)


MASK = (1 << 64) - 1


def mix(value):
    z = (value + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def philox(counter, key):
    """A block of Philox4x32-10."""
    counter, key = list(counter), list(key)
    for _ in range(10):
        a, b = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = [b >> 32 ^ counter[1] ^ key[0], b & 0xFFFFFFFF, a >> 32 ^ counter[3] ^ key[1], a & 0xFFFFFFFF]
        key = [key[0] + 0x9E3779B9 & 0xFFFFFFFF, key[1] + 0xBB67AE85 & 0xFFFFFFFF]
    return counter


def share(seed, split, epoch, sample, view):
    """The first draw of a view's stream, a number of [0, 1)."""
    key = mix(mix(mix(seed) ^ epoch) ^ (1 << 8 | {"train": 1, "test": 2}[split]))
    block = philox([0, sample & 0xFFFFFFFF, sample >> 32, view], [key & 0xFFFFFFFF, key >> 32])
    return ((block[0] | block[1] << 32) >> 11) * 2.0**-53


def gaze(weights, shares):
    """Rows and columns, one for each share; the published steps, sums in double precision."""
    total = weights.astype(np.float64).sum()
    p = (np.full_like(weights, 1) if total == 0 else weights).astype(np.float64)
    p = (p / p.sum()).astype(np.float32)
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    points = []
    for u in shares:
        sums = np.cumsum(p.astype(np.float64).ravel())
        place = int(np.searchsorted(sums, u * sums[-1], side="right"))
        points.append([place // SIDE, place % SIDE])
        near = (abs(row - points[-1][0]) <= RADIUS) & (abs(column - points[-1][1]) <= RADIUS)
        p = np.where(near, np.float32(0), p / np.float32(sums[-1])) + np.float32(1e-16)
    return points


def main():
    pictures = {"train": [image(number) for number in range(4)], "unlabeled": [image(10)]}
    labels = [3, 1, 10, 7]
    files = {
        "stl10_binary/train_X.bin": b"".join(map(record, pictures["train"])),
        "stl10_binary/train_y.bin": bytes(labels),
        "stl10_binary/unlabeled_X.bin": b"".join(map(record, pictures["unlabeled"])),
        "stl10_binary/class_names.txt": ("\n".join(NAMES) + "\n").encode(),
    }
    maps = np.stack([saliency(number) for number in range(4)])[:, None]
    buffer = io.BytesIO()
    np.save(buffer, maps)
    files["maps/train/saliency_train.npy"] = buffer.getvalue()

    expected = {"images": {}, "published": [], "gazes": []}
    with tempfile.TemporaryDirectory() as root:
        for name in [name for name in files if name.startswith("stl10")]:
            path = Path(root) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(files[name])
        for split in ["train", "unlabeled", "train+unlabeled"]:
            images = [(np.asarray(picture), label) for picture, label in Stl10(root, split=split)]
            digests = [[hashlib.sha256(pixels.tobytes()).hexdigest(), int(label)] for pixels, label in images]
            expected["images"][split] = digests
    for row, column in [(48, 48), (30, 60), (61, 25), (0, 0), (95, 3), (7, 90), (95, 95), (16, 80)]:
        name = f"published/{row}_{column}.bin"
        files[name] = published(pictures["train"][0], row, column).tobytes()
        expected["published"].append({"row": row, "column": column, "file": name})
    for seed, split, epoch, views in [(0, "train", 0, 5), (42, "train", 7, 5), (2**63 + 5, "test", 1 << 33, 14)]:
        for sample in range(4):
            shares = [share(seed, split, epoch, sample, view) for view in range(views)]
            points = gaze(maps[sample, 0], shares)
            key = {"seed": seed, "split": split, "epoch": epoch, "sample": sample}
            expected["gazes"].append(key | {"points": points})
    files["expected.json"] = json.dumps(expected, indent=1).encode()

    with FIXTURE.open("wb") as out, gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    print(FIXTURE, FIXTURE.stat().st_size, "bytes")


if __name__ == "__main__":
    main()

"""Golden affine views: what torchvision's `affine` makes of 8-bit PIL images.

    python scripts/goldens/affine.py

Needs torch, torchvision 0.29, Pillow 13 and numpy; writes crates/data/tests/fixtures/affine.json.gz: a list of cases, each
with the source image in hexadecimal (28 x 28, or 20 x 20 in colour), the parameters as the crate serialises them, and the view.
The image is padded by 6 black pixels, scaled and rotated about its centre and moved by one call, and its middle cut out.
"""

import gzip
import json
import math
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

FIXTURE = Path(__file__).parents[2] / "crates/data/tests/fixtures/affine.json.gz"
PADDING = 6


def digit(rng, side):
    """Grey strokes on black, as a pen leaves them, or anything in colour."""
    y, x = np.mgrid[0:side, 0:side]
    image = np.zeros((side, side))
    place = rng.uniform(6, side - 6, 2)
    heading = rng.uniform(0, 7)
    for _ in range(40):
        heading += rng.normal(0, 0.4)
        place = np.clip(place + (math.sin(heading), math.cos(heading)), 4, side - 5)
        distance = (y - place[0]) ** 2 + (x - place[1]) ** 2
        image = np.maximum(image, 255 * np.exp(-distance / 1.6))
    return image.round().astype(np.uint8)


def case(rng, number):
    colour = number % 4 == 3
    pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8) if colour else digit(rng, 28)
    rotation = float(np.float32(rng.uniform(-75, 75) if number % 3 else rng.uniform(-180, 180)))
    right, down = (int(way) for way in rng.integers(-7, 8, 2))
    log_scale = float(np.float32(rng.uniform(math.log(0.5), 0) if number % 5 else rng.uniform(-1, 1)))
    if number == 0:
        rotation, right, down, log_scale = 0.0, 0, 0, 0.0
    side = pixels.shape[0]
    padded = F.pad(Image.fromarray(pixels), PADDING)
    # `affine` turns clockwise, `rotate` and this project counter-clockwise.
    moved = F.affine(padded, -rotation, [right, down], math.exp(log_scale), [0.0], InterpolationMode.BILINEAR, 0)
    view = np.asarray(F.center_crop(moved, side))
    text = lambda array: array.tobytes().hex()
    parameters = {"rotation": rotation, "right": right, "down": down, "log_scale": log_scale}
    return {"side": side, "colour": colour, "image": text(pixels), "params": parameters, "view": text(view)}


def main():
    rng = np.random.default_rng(20)
    cases = [case(rng, number) for number in range(120)]
    FIXTURE.write_bytes(gzip.compress(json.dumps(cases).encode(), 9, mtime=0))
    print(f"{FIXTURE}: {len(cases)} cases, {FIXTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()

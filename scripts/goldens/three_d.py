"""Golden values of 3DIEBench: rotations by SciPy, PIL's bilinear resize, files of NumPy.

    python scripts/goldens/three_d.py    # rewrites crates/data/tests/fixtures/three_d.json

Rotations are made as the published code makes them: angles rounded to f32, `Rotation.from_euler("xyz", angles)`, `inv(a) * b`.
The pictures that are resized are a formula, which the test has too.
"""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

FIXTURE = Path(__file__).parents[2] / "crates/data/tests/fixtures/three_d.json"


def picture(height, width):
    """Byte i is the highest byte of i * 2654435761 modulo 2^32."""
    index = np.arange(height * width * 3, dtype=np.uint64)
    return ((index * 2654435761 % 2**32) >> 24).astype(np.uint8).reshape(height, width, 3)


def rotations():
    rng = np.random.default_rng(0)
    angles = [rng.uniform(-np.pi / 2, np.pi / 2, 3) for _ in range(30)]
    # Out of distribution, and the axes themselves.
    angles += [rng.choice([-1, 1], 3) * rng.uniform(np.pi / 2, np.pi, 3) for _ in range(30)]
    angles += [np.array(a) for a in [(0, 0, 0), (np.pi / 2, 0, 0), (0, np.pi / 2, 0), (0, 0, np.pi / 2), (np.pi, 0, 0)]]
    rows, before = [], None
    for angle in angles:
        rotation = Rotation.from_euler("xyz", angle.astype(np.float32))
        relative = (before.inv() * rotation).as_quat() if before is not None else None
        rows.append({"angles": angle.tolist(), "quaternion": rotation.as_quat().tolist(),
                     "relative": None if relative is None else relative.tolist()})
        before = rotation
    return rows


def resized():
    cases = []
    for height, width, side in [(64, 64, 32), (61, 47, 16), (20, 33, 24), (16, 16, 16), (9, 100, 12)]:
        image = Image.fromarray(picture(height, width)).resize((side, side), Image.Resampling.BILINEAR)
        cases.append({"height": height, "width": width, "side": side, "bytes": np.asarray(image).tobytes().hex()})
    return cases


def files():
    arrays = {
        "numbers": np.array([0.1, -2.5, 3e300]),
        "half": np.array([[1.5, -0.25], [6e-8, 65504]], np.float16),
        "columns": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
        "labels": np.array([3, 54, 0], np.int64),
        "paths": np.array(["/02691156/dc8d/", "/04379243/2/", "/é/ü/"]),
        "objects": np.array([{"a": 1}], object),
    }
    saved = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        saved[name] = file.getvalue().hex()
    return saved


def main():
    FIXTURE.write_text(json.dumps({"rotations": rotations(), "resized": resized(), "files": files()}) + "\n")


if __name__ == "__main__":
    main()

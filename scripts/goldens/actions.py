"""Golden values of scipy for crates/data/tests/actions.rs: where turned and coloured views have led from the first.

Run with numpy and scipy installed: python scripts/goldens/actions.py
Writes crates/data/tests/fixtures/actions.json.
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy.spatial.transform import Rotation

FIXTURE = Path(__file__).parents[2] / "crates/data/tests/fixtures/actions.json"
SCENES, VIEWS = 12, 4


def main():
    rng = np.random.default_rng(11)
    scenes = []
    for _ in range(SCENES):
        rotations = Rotation.from_euler("xyz", rng.uniform(-np.pi / 2, np.pi / 2, (VIEWS, 3)))
        hues = rng.uniform(0, 1, (VIEWS, 2)).astype(np.float32)
        # As recorded: the sign of the quaternion is whatever the conversion gives.
        raw = np.concatenate([rotations.as_quat().astype(np.float32), hues], axis=1)
        paths = []
        for view in range(1, VIEWS):
            turn = rotations[0].inv() * rotations[view]
            paths.append([*turn.as_quat(canonical=True).tolist(), *(hues[view] - hues[0]).tolist()])
        scenes.append({"raw": raw.tolist(), "paths": paths})
    FIXTURE.write_text(json.dumps({"scipy": scipy.__version__, "scenes": scenes}, separators=(",", ":")) + "\n")


main()

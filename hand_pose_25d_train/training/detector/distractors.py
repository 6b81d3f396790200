"""Cut-out pictures of what is no hand - faces, above all - put into the detector's scenes.

Photographs that show people show their hands too, and a hand that nobody labelled teaches the
detector to overlook hands: such photographs must not be backgrounds.  Their faces, cut out, can
be used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.io.images import list_images
from hand_pose_25d_train.datasets.backgrounds import shrunk
from hand_pose_25d_train.training.detector.pasting import blend, similarity

LONGEST_DISTRACTOR_SIDE = 256
"""Pictures are kept at this size."""
NUMBERS = (0.4, 0.35, 0.25)
"""Shares of scenes with 0, 1 and 2 of them."""
SMALLEST_DISTRACTOR, LARGEST_DISTRACTOR = 0.07, 0.8
"""Longer sides, as shares of the scene's."""
_TILT = 0.25
"""Standard deviation of the angle, radians."""


def load_distractors(folders: Sequence[Path]) -> list[np.ndarray]:
    """Read every picture with alpha below the folders: (H, W, 4) uint8 RGBA each.

    Raises FileNotFoundError for a folder without any, ValueError for a picture without alpha.
    """
    found = []
    for folder in folders:
        for path in list_images(folder, suffixes=(".png",), what="pictures with alpha"):
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
                raise ValueError(f"{path}: distractors are 8-bit pictures with alpha (RGBA PNG)")
            small = shrunk(image, LONGEST_DISTRACTOR_SIDE)
            found.append(np.ascontiguousarray(small[..., [2, 1, 0, 3]]))
    return found


def distract(scene: np.ndarray, pictures: Sequence[np.ndarray], rng: np.random.Generator) -> None:
    """Put none to two of the pictures somewhere into an (S, S, 3) uint8 scene, in place."""
    side = scene.shape[0]
    for _ in range(int(rng.choice(len(NUMBERS), p=NUMBERS))):
        picture = pictures[int(rng.integers(len(pictures)))]
        height, width = picture.shape[:2]
        longer = side * math.exp(
            rng.uniform(math.log(SMALLEST_DISTRACTOR), math.log(LARGEST_DISTRACTOR))
        )
        angle, mirror = rng.normal(0, _TILT), bool(rng.random() < 0.5)
        middle = ((width - 1) / 2, (height - 1) / 2)
        target = rng.uniform(0, side, 2)
        matrix = similarity(middle, target, longer / max(height, width), angle, mirror)
        blend(scene, picture[..., :3], picture[..., 3], matrix, rng)

"""The 21-keypoint hand skeleton: names, order, bones, colours.

The order is that of MediaPipe, FreiHAND and COCO-WholeBody: the wrist, then thumb, index, middle,
ring and little finger, each from its base to its tip.  The wrist is the root of every relative
depth (the paper calls it the palm), and the bone wrist - index MCP has the normalised length
C = 1 (Iqbal et al., ECCV 2018, Section 3.1).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

Array = TypeVar("Array", bound=Any)

NUM_KEYPOINTS = 21
WRIST = 0

FINGERS: dict[str, tuple[int, int, int, int]] = {
    "thumb": (1, 2, 3, 4),
    "index": (5, 6, 7, 8),
    "middle": (9, 10, 11, 12),
    "ring": (13, 14, 15, 16),
    "little": (17, 18, 19, 20),
}
"""The keypoints of each finger, base to tip."""

KEYPOINT_NAMES: tuple[str, ...] = (
    "wrist", "thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip",
    *(
        f"{finger}_{joint}"
        for finger in ("index", "middle", "ring", "little")
        for joint in ("mcp", "pip", "dip", "tip")
    ),
)  # fmt: skip

PARENTS: tuple[int, ...] = (-1,) + tuple(
    WRIST if child % 4 == 1 else child - 1 for child in range(1, NUM_KEYPOINTS)
)
"""The parent of each keypoint; -1 for the wrist."""

BONES: tuple[tuple[int, int], ...] = tuple(
    (PARENTS[child], child) for child in range(1, NUM_KEYPOINTS)
)
"""The 20 bones as (parent, child); bone i ends in keypoint i + 1."""

REFERENCE_BONE: tuple[int, int] = (WRIST, 5)
"""Wrist - index MCP: the bone whose length is C = 1 in the normalised 2.5D pose."""

FINGERTIPS: tuple[int, ...] = tuple(finger[-1] for finger in FINGERS.values())

FINGER_COLORS: dict[str, tuple[int, int, int]] = {
    "thumb": (230, 85, 60),
    "index": (240, 180, 40),
    "middle": (70, 180, 90),
    "ring": (50, 140, 220),
    "little": (160, 90, 200),
}
"""One RGB colour a finger, in pictures and in RViz markers alike."""

WRIST_COLOR: tuple[int, int, int] = (230, 230, 230)

KEYPOINT_COLORS = np.array(
    [WRIST_COLOR] + [color for color in FINGER_COLORS.values() for _ in range(4)], dtype=np.uint8
)
"""(21, 3) RGB."""


def bone_vectors(keypoints: Array) -> Array:
    """Return the bones' vectors, parent to child: (..., 21, D) -> (..., 20, D).

    A numpy array or a torch tensor; the result is of the same kind.
    """
    return keypoints[..., 1:, :] - keypoints[..., list(PARENTS[1:]), :]


def bone_lengths(keypoints: np.ndarray) -> np.ndarray:
    """Return the lengths of the 20 bones, in the keypoints' unit: (..., 21, D) -> (..., 20)."""
    return np.linalg.norm(bone_vectors(keypoints), axis=-1)

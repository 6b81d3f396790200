"""Small pictures to check keypoints by eye: bones drawn on crops, tiles laid out in a grid."""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS

_SHIFT = 3
"""OpenCV's fixed-point bits of drawn coordinates."""
_FAR = 1e5


def draw_bones(image: np.ndarray, uv: np.ndarray, width: int = 2) -> np.ndarray:
    """Draw the bones of (21, 2) pixels, each in its finger's colour, into an (H, W, 3) RGB image.

    Bones with an end that is not finite are left out.  Returns the image.
    """
    uv = np.asarray(uv, dtype=np.float64)
    known = np.isfinite(uv).all(-1)
    points = np.where(known[:, None], uv, 0).clip(-_FAR, _FAR)
    whole = np.round(points * (1 << _SHIFT)).astype(int).tolist()
    for (start, end), color in zip(BONES, KEYPOINT_COLORS[1:].tolist(), strict=True):
        if known[start] and known[end]:
            cv2.line(image, whole[start], whole[end], color, width, cv2.LINE_AA, _SHIFT)
    return image


def grid(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    """Lay tiles of one shape out in rows of `columns`, black where the last row is not full.

    Raises ValueError for no tiles.
    """
    if not tiles:
        raise ValueError("a grid needs at least one tile")
    filled = [*tiles, *[np.zeros_like(tiles[0])] * (-len(tiles) % columns)]
    rows = [np.hstack(filled[i : i + columns]) for i in range(0, len(filled), columns)]
    return np.vstack(rows)

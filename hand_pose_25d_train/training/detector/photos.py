"""Photographs of hands before plain walls, cut out, so that scenes can be composed of them.

A wall's colour changes slowly over the image: what differs from a smooth fit of it is hand, arm or
clothes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.skeleton import BONES
from hand_pose_25d_train.datasets.photos import load_photos

_LONGEST_SIDE = 400
"""Cut-outs are kept at this size: the memory must hold thousands."""
_WALL, _OBJECT = 14.0, 40.0
"""Grey levels of difference from the wall below which alpha is 0, and above which it is 1."""
FIT_ROUNDS = 4
_BONE_WIDTH = 0.045
"""In region sizes: so much about a bone is hand, even where it has the wall's colour."""
_PALM = (0, 1, 5, 9, 13, 17)


@dataclass
class CutOut:
    """One photograph with one labelled hand."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    alpha: np.ndarray
    """(H, W) uint8, 255 where the hand, the arm or the person is."""
    uv: np.ndarray
    """(21, 2) pixels."""
    is_right: bool
    name: str


def load_cut_outs(folder: Path, labels: Path, held_out: bool) -> list[CutOut]:
    """Load the photographs of a `hand-pose-25d label` file: those held out, or the others.

    Raises FileNotFoundError where a photograph is missing.
    """
    cut_outs = []
    for photo in load_photos(folder, labels, held_out):
        scale = min(_LONGEST_SIDE / max(photo.image.shape[:2]), 1.0)
        image = cv2.resize(photo.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        uv = (photo.uv + 0.5) * scale - 0.5
        cut_outs.append(CutOut(image, alpha_of(image, uv), uv, photo.is_right, photo.name))
    return cut_outs


def alpha_of(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Return (H, W) uint8, 255 where something stands before the wall.

    Args:
        image: (H, W, 3) uint8.
        uv: (21, 2) pixels of the hand, which is no wall.
    """
    height, width = image.shape[:2]
    v, u = (axis.ravel() for axis in np.mgrid[0:height, 0:width])
    x, y = u / width - 0.5, v / height - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1).astype(np.float32)
    colors = image.reshape(-1, 3).astype(np.float32)
    region = Region.from_keypoints(uv)
    far = np.hypot(u - region.center[0], v - region.center[1]) > region.size * 0.4
    wall, step = far, max(len(colors) // 4000, 1)
    difference = np.zeros(len(colors))
    for _ in range(FIT_ROUNDS):  # arm and clothes drop out of the fit, round by round
        rows = np.flatnonzero(wall)[::step]
        if len(rows) < terms.shape[1]:
            return np.full((height, width), 255, np.uint8)  # the hand fills the image
        fit = np.linalg.lstsq(terms[rows], colors[rows], rcond=None)[0]
        difference = np.abs(terms @ fit - colors).max(axis=1)
        limit = max(float(np.median(difference[rows])) * 2.5, _WALL)
        wall = far & (difference < limit)
    ramp = np.clip((difference - _WALL) / (_OBJECT - _WALL), 0, 1)
    alpha = (ramp * 255).astype(np.uint8).reshape(height, width)
    points = np.round(uv).astype(int)
    for a, b in BONES:
        thickness = max(round(_BONE_WIDTH * region.size), 1)
        cv2.line(alpha, points[a].tolist(), points[b].tolist(), (255,), thickness)
    cv2.fillConvexPoly(alpha, cv2.convexHull(points[list(_PALM)].astype(np.int32)), (255,))
    closed = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.GaussianBlur(closed, (3, 3), 0))

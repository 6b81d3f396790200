"""Boxes around hands: upright, (x, y, w, h) in pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from hand_pose_25d.geometry.camera import Camera

Box = tuple[float, float, float, float]
"""(x, y, w, h) in pixels: left top corner, width and height."""


LARGEST = 1e6
"""Pixels: no image's box has a corner or a side beyond it."""
SMALLEST = 1e-3
"""Pixels, of a box's side."""


def box_fault(box: Sequence[float]) -> str:
    """Return what is wrong with a box of four numbers; empty where nothing is.

    >>> box_fault((10.0, 20.0, 30.0, 0.0))
    'w and h must be above 0'
    """
    x, y, w, h = box
    if not all(math.isfinite(v) for v in (x, y, w, h)):
        return "x, y, w and h must be finite"
    if w <= 0 or h <= 0:
        return "w and h must be above 0"
    if min(w, h) < SMALLEST:
        return f"w and h must be at least {SMALLEST:g} px"
    if max(abs(x), abs(y), w, h) > LARGEST:
        return f"no number may be beyond {LARGEST:g} px"
    return ""


def check_boxes(boxes: Iterable[Sequence[float]], camera: Camera) -> list[Box]:
    """Return the boxes in an image of this camera as tuples of floats.

    Raises ValueError for a box that is not four finite numbers, has no area, is beyond LARGEST, or
    shares no pixel with the image.
    """
    checked: list[Box] = []
    for i, box in enumerate(boxes):
        try:
            x, y, w, h = (float(v) for v in box)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"boxes[{i}] must be numbers (x, y, w, h), got {box!r}") from None
        if fault := box_fault((x, y, w, h)):
            raise ValueError(f"boxes[{i}] = {(x, y, w, h)}: {fault}")
        if x >= camera.width or y >= camera.height or x + w <= 0 or y + h <= 0:
            raise ValueError(
                f"boxes[{i}] = {(x, y, w, h)} lies outside the image of "
                f"{camera.width} x {camera.height} px"
            )
        checked.append((x, y, w, h))
    return checked


def box_around(points: np.ndarray) -> Box:
    """Return the box around the finite ones of (K, 2) pixels; NaN where there is none."""
    points = np.asarray(points, dtype=np.float64)
    known = np.isfinite(points)
    if not known.all():
        points = points[known.all(-1)]
    if not len(points):
        return (math.nan, math.nan, math.nan, math.nan)
    (x, y), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x, y, right - x, bottom - y


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of (A, 4) and (B, 4) boxes x, y, w, h: (A, B)."""
    common, of_a, of_b = _areas(a, b)
    result: np.ndarray = common / np.maximum(of_a + of_b - common, 1e-12)
    return result


def box_overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Share of the smaller box that lies in the other, of (A, 4) and (B, 4) boxes: (A, B)."""
    common, of_a, of_b = _areas(a, b)
    result: np.ndarray = common / np.maximum(np.minimum(of_a, of_b), 1e-12)
    return result


def _areas(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the common areas (A, B), and those of the boxes: (A, 1) and (1, B)."""
    a, b = np.asarray(a, np.float64).reshape(-1, 4), np.asarray(b, np.float64).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    return common, a[:, 2:].prod(axis=1)[:, None], b[:, 2:].prod(axis=1)[None]

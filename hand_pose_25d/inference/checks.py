"""Checks of what callers hand to the estimator: an error says what is wrong and what is right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.inference.detection import Box


def check_image(image: np.ndarray, camera: Camera) -> np.ndarray:
    """Return the image, contiguous in memory.

    Raises TypeError or ValueError unless it is (H, W, 3) uint8 of the camera's size.
    """
    if not isinstance(image, np.ndarray):
        kind = type(image).__name__
        raise TypeError(f"image must be a numpy array (H, W, 3) uint8 RGB, got {kind}")
    if not isinstance(camera, Camera):
        raise TypeError(f"camera must be a hand_pose_25d.Camera, got {type(camera).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(
            f"image must be (H, W, 3) uint8 RGB and not empty, got {image.dtype} of {image.shape}"
        )
    if image.shape[:2] != (camera.height, camera.width):
        raise ValueError(
            f"the image is {image.shape[1]} x {image.shape[0]} px, the camera was calibrated for "
            f"{camera.width} x {camera.height}: use camera.scaled() or camera.with_roi(), or "
            "calibrate at this size"
        )
    return np.ascontiguousarray(image)


def check_boxes(boxes: Iterable[Sequence[float]], camera: Camera) -> list[Box]:
    """Return the boxes as tuples (x, y, w, h) of floats.

    Raises ValueError for a box that is not four finite numbers, has no area, or shares no pixel
    with the image.
    """
    checked: list[Box] = []
    for i, box in enumerate(boxes):
        try:
            x, y, w, h = (float(v) for v in box)
        except (TypeError, ValueError):
            raise ValueError(f"boxes[{i}] must be numbers (x, y, w, h), got {box!r}") from None
        if not all(math.isfinite(v) for v in (x, y, w, h)) or w <= 0 or h <= 0:
            raise ValueError(
                f"boxes[{i}] must be finite (x, y, w, h) with w and h above 0, got {(x, y, w, h)}"
            )
        if x >= camera.width or y >= camera.height or x + w <= 0 or y + h <= 0:
            raise ValueError(
                f"boxes[{i}] = {(x, y, w, h)} lies outside the image of "
                f"{camera.width} x {camera.height} px"
            )
        checked.append((x, y, w, h))
    return checked


def check_fraction(name: str, value: float) -> float:
    """Return a number between 0 and 1, both excluded; raises ValueError for another."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ValueError(f"{name} must be a number between 0 and 1, got {value!r}")
    return float(value)

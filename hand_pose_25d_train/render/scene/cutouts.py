"""Cut-out pictures of things (PNG with alpha) as occluders before a hand."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

_LONGEST_SIDE = 256


@lru_cache(maxsize=256)
def read_cutout(path: Path) -> np.ndarray:
    """Return (H, W, 4) float32 RGBA in [0, 1], colour premultiplied, at most LONGEST_SIDE long.

    Raises ValueError where the file is no picture with an alpha channel.
    """
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise ValueError(f"{path}: --objects takes pictures with an alpha channel (RGBA PNG)")
    scale = min(1.0, _LONGEST_SIDE / max(image.shape[:2]))
    rgba = image[:, :, [2, 1, 0, 3]].astype(np.float32) / np.iinfo(image.dtype).max
    rgba[..., :3] *= rgba[..., 3:]
    return np.asarray(cv2.resize(rgba, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def draw_cutout(
    path: Path, size: tuple[int, int], center: np.ndarray, side: float, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sRGB colour (H, W, 3) and the coverage (H, W) of a rotated cut-out, float32.

    size: (width, height) px; center: (2,) px; side: its longer side, px; angle: radians.
    """
    rgba = read_cutout(path)
    height, width = rgba.shape[:2]
    zoom = side / max(height, width)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    rotation = np.array([[cos, -sin], [sin, cos]])
    shift = np.asarray(center) - rotation @ [(width - 1) / 2, (height - 1) / 2]
    mode = cv2.INTER_AREA if zoom < 0.5 else cv2.INTER_LINEAR
    drawn = cv2.warpAffine(rgba, np.c_[rotation, shift], size, flags=mode)
    alpha = drawn[..., 3]
    return drawn[..., :3] / np.maximum(alpha, 1e-6)[..., None], alpha

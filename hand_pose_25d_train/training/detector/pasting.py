"""Pictures, moved by similarities and put into the detector's scenes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from hand_pose_25d_train.augmentation.colour import Recolouring


def similarity(
    source: Sequence[float] | np.ndarray,
    target: Sequence[float] | np.ndarray,
    scale: float,
    angle: float,
    mirror: bool,
) -> np.ndarray:
    """Return the (2, 3) matrix that scales, rotates (clockwise) and takes source to target."""
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1.0 if mirror else 1.0, 1.0])
    return np.hstack([linear, (np.asarray(target) - linear @ np.asarray(source))[:, None]])


def warp(image: np.ndarray, matrix: np.ndarray, size: int, border: int) -> np.ndarray:
    """Warp an image to (size, size), averaged first where it is made much smaller."""
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    if scale < 0.6:
        factor = max(scale * 1.2, 2.0 / min(image.shape[:2]))
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        matrix = matrix.copy()
        matrix[:, 2] -= matrix[:, :2] @ np.full(2, 0.5 - 0.5 / factor)
        matrix[:, :2] /= factor
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)


def blend(
    scene: np.ndarray,
    image: np.ndarray,
    alpha: np.ndarray,
    matrix: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Put a picture, recoloured, into an (S, S, 3) uint8 scene, in place.

    image (H, W, 3) and alpha (H, W) uint8; `matrix` (2, 3) takes them to the scene.
    """
    size = scene.shape[0]
    image = Recolouring.draw(1, rng).on_array(warp(image, matrix, size, cv2.BORDER_REPLICATE), 0)
    alpha = warp(alpha, matrix, size, cv2.BORDER_CONSTANT)
    u, v, w, h = cv2.boundingRect(alpha)
    part = (slice(v, v + h), slice(u, u + w))
    weight = alpha[part][..., None].astype(np.float32) / 255
    mixed = image[part] * weight + scene[part] * (1 - weight)
    scene[part] = mixed.astype(np.uint8)

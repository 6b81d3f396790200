"""Images to put behind hands, and crops of them that show no hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from hand_pose_25d.io.images import list_images, read_image

_LONGEST_SIDE = 640


class Backgrounds:
    """Crops of the photographs in some folders; procedural ones where there are none."""

    def __init__(self, folders: list[Path], procedural: float = 0.15) -> None:
        """Raises FileNotFoundError for a folder without images."""
        self._images: list[np.ndarray] = []
        self._procedural = procedural
        for folder in folders:
            found = map(read_rgb, list_images(folder))
            self._images += [shrunk(image, _LONGEST_SIDE) for image in found if image is not None]

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return a (size, size, 3) uint8 RGB crop."""
        if not self._images or rng.random() < self._procedural:
            return procedural(size, rng)
        image = self._images[rng.integers(len(self._images))]
        height, width = image.shape[:2]
        side = max(16, int(min(height, width) * rng.uniform(0.2, 1.0)))
        y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
        crop = image[y : y + side, x : x + side]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        mode = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        return cv2.resize(crop, (size, size), interpolation=mode)

    def crops(self, count: int, size: int, rng: np.random.Generator) -> Tensor:
        """Return (count, 3, size, size) uint8 RGB crops."""
        drawn = np.empty((count, size, size, 3), np.uint8)
        for image in drawn:
            image[:] = self.draw(size, rng)
        return torch.from_numpy(drawn).permute(0, 3, 1, 2)


def read_rgb(path: Path) -> np.ndarray | None:
    """Read a photograph as (H, W, 3) uint8 RGB; None where it is no image that OpenCV reads."""
    try:
        return read_image(path)
    except (OSError, ValueError):
        return None


def shrunk(image: np.ndarray, longest: int) -> np.ndarray:
    """Scale an image (H, W, 3) down until no side has more than `longest` pixels."""
    scale = min(1.0, longest / max(image.shape[:2]))
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def procedural(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return coloured noise of several octaves over a gradient, (size, size, 3) uint8."""
    base = rng.uniform(20, 235, (2, 2, 3)).astype(np.float32)
    if rng.random() < 0.5:
        base = base.mean((0, 1), keepdims=True) + rng.normal(0, 15, (2, 2, 3)).astype(np.float32)
    image = cv2.resize(base, (size, size), interpolation=cv2.INTER_LINEAR)
    strength = rng.uniform(0, 35)
    for cells in (3, 8, 24):
        noise = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        strength *= 0.6
    return image.clip(0, 255).astype(np.uint8)

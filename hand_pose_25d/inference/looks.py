"""The detector's looks at an image: whole at several scales, or split into parts of equal cost.

A video's images come one by one, and none shall pay for a whole detection.  The largest scale, at
which small hands are found, is split along the longer side into two halves that overlap; the
smaller scales, for hands that fill the image, are a part of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

LARGEST_STRIDE = 32
"""The sides of the network's input are multiples of it."""
MAX_ENLARGEMENT = 4.0
"""Of an image smaller than the network's input."""
MOST_LINEAR = 1.5
"""Up to this reduction four neighbours stand for all pixels."""
HALVES_OVERLAP = 64
"""Pixels of the network's input, at least, that both halves show: a hand of that size is whole in
one of them, a larger one is the smaller scales' business."""


@dataclass(frozen=True)
class Look:
    """An image, or half of it, as the network is to see it."""

    size: int
    """Longer side, in pixels, to which the whole image is scaled."""
    half: int | None = None
    """0: the left (or upper) one, 1: the other one; None: the whole."""


@dataclass(frozen=True)
class LookInput:
    """What the network gets for a look, and where it lies in the image."""

    images: np.ndarray
    """(1, H, W, 3) uint8; H and W multiples of `LARGEST_STRIDE`."""
    scale: float
    """Pixels of the input per pixel of the image."""
    offset: tuple[float, float]
    """(u, v) of the input's first pixel in the scaled image."""
    axis: int
    """Of the longer side: 0 for u, 1 for v."""
    owned: tuple[float, float]
    """First and last coordinate on that axis, in pixels of the image, of the centres of hands that
    are this look's to report."""


def parts_of(sizes: Sequence[int]) -> list[list[Look]]:
    """Return the looks of each part: the smaller scales, then the halves of the largest one."""
    largest, *rest = sorted(sizes, reverse=True)
    halves = [[Look(largest, half)] for half in (0, 1)]
    return ([[Look(size) for size in rest]] if rest else []) + halves


def look_input(image: np.ndarray, look: Look) -> LookInput:
    """Scale the longer side of (H, W, 3) to the look's size and cut out its half.

    Padded at the right and below to multiples of `LARGEST_STRIDE`.
    """
    height, width = image.shape[:2]
    scale = min(look.size / max(height, width), MAX_ENLARGEMENT)
    new_height, new_width = max(round(height * scale), 1), max(round(width * scale), 1)
    scaled = _resized(image, new_width, new_height)
    along, long_side = (1, new_width) if width >= height else (0, new_height)
    offset, owned = [0.0, 0.0], (-np.inf, np.inf)
    if look.half is not None:
        side = -(-(long_side + HALVES_OVERLAP) // (2 * LARGEST_STRIDE)) * LARGEST_STRIDE
        start = max(long_side - side, 0) if look.half else 0
        scaled = np.take(scaled, range(start, min(start + side, long_side)), axis=along)
        offset[1 - along] = float(start)
        middle = ((long_side - 1) / 2 + 0.5) / scale - 0.5
        owned = (middle, np.inf) if look.half else (-np.inf, middle)
    pads = [-side % LARGEST_STRIDE for side in scaled.shape[:2]]
    padded = cv2.copyMakeBorder(scaled, 0, pads[0], 0, pads[1], cv2.BORDER_CONSTANT)
    return LookInput(padded[None], scale, (offset[0], offset[1]), 1 - along, owned)


def _resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale an image; a smaller one averages the pixels that it stands for.

    By halves as far as they go: OpenCV averages 2 x 2 pixels in a tenth of the time of others.
    """
    while _halves_of(image.shape, width, height):
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    if image.shape[:2] == (height, width):
        return image
    much = image.shape[1] > MOST_LINEAR * width
    interpolation = cv2.INTER_AREA if much else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=interpolation)


def _halves_of(shape: Sequence[int], width: int, height: int) -> bool:
    even = shape[0] % 2 == 0 and shape[1] % 2 == 0
    return even and shape[0] >= 2 * height and shape[1] >= 2 * width

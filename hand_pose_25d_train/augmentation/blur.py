"""Blur by defocus or motion, and low resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d_train.augmentation.transfer import on

DEFOCUS = (0.4, 0.014)
"""Standard deviation: from so many pixels to this share of the crop's side."""
MOTION = (0.01, 0.08)
"""Length of the path, in crop sides, and 3 px at least."""
_SMALLEST = 0.18
"""Share of its side that a crop is made smaller to, at most."""


@dataclass(frozen=True)
class Blur:
    """Defocus, or the motion of the hand along a line; half of the images each."""

    sigma: np.ndarray
    """(n,) px, of the defocus."""
    half: np.ndarray
    """(n,) px, half the length of the motion."""
    angle: np.ndarray
    """(n,) radians, of the motion."""
    is_defocus: np.ndarray
    """(n,) bool"""

    @classmethod
    def draw(cls, count: int, size: int, rng: np.random.Generator) -> Blur:
        """Draw blurs for crops of `size` px."""
        sigma = rng.uniform(DEFOCUS[0], max(0.5, DEFOCUS[1] * size), count)
        half = np.maximum(3, rng.uniform(*MOTION, count) * size) / 2
        return cls(sigma, half, rng.uniform(0, np.pi, count), rng.random(count) < 0.5)

    def on_array(self, image: np.ndarray, i: int) -> np.ndarray:
        """By OpenCV's separable filter, or a small kernel."""
        if self.is_defocus[i]:
            sigma = float(self.sigma[i])
            return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        reach = math.ceil(self.half[i] + 0.5)
        kernel = _paths(self.half[i : i + 1], self.angle[i : i + 1], reach)[0]
        return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)

    def on_tensor(self, images: Tensor) -> Tensor:
        """By the Fourier transform, which takes as long for every kernel."""
        size, device = images.shape[-1], images.device
        reach = math.ceil(max(3 * self.sigma.max(), self.half.max() + 0.5))
        tap = np.arange(-reach, reach + 1.0)
        defocus = np.exp(-(tap**2 + tap[:, None] ** 2) / (2 * self.sigma[:, None, None] ** 2))
        paths = _paths(self.half, self.angle, reach)
        kernels = np.where(self.is_defocus[:, None, None], defocus, paths)
        kernels /= kernels.sum((1, 2), keepdims=True)
        side = 16 * math.ceil((size + 2 * reach) / 16)
        after = side - size - reach
        padded = F.pad(images, [reach, after, reach, after], mode="replicate")
        transfer = torch.fft.rfft2(on(device, kernels), s=(side, side))[:, None]
        blurred = torch.fft.irfft2(torch.fft.rfft2(padded) * transfer, s=(side, side))
        inner = slice(2 * reach, 2 * reach + size)
        return blurred[..., inner, inner]


def _paths(half: np.ndarray, angle: np.ndarray, reach: int) -> np.ndarray:
    """(n, 2 reach + 1, 2 reach + 1): lines of one pixel's width through the middle."""
    u = np.arange(-reach, reach + 1.0)
    v = u[:, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along, across = np.abs(u * cos + v * sin), np.abs(v * cos - u * sin)
    return np.maximum(1 - across, 0) * np.clip(half[:, None, None] + 0.5 - along, 0, 1)


@dataclass(frozen=True)
class LowResolution:
    """Crops as those of small hands: down to a fifth and up again."""

    small: np.ndarray
    """(n,) px: the side that the crop is made smaller to."""
    averages: np.ndarray
    """(n,) bool: averaged over areas on the way down, else linearly interpolated."""
    linear: np.ndarray
    """(n,) bool: linearly interpolated on the way up, else by cubic curves."""

    @classmethod
    def draw(cls, count: int, size: int, rng: np.random.Generator) -> LowResolution:
        """Draw sides for crops of `size` px."""
        small = (size * np.exp(rng.uniform(math.log(_SMALLEST), 0, count))).astype(int).clip(4)
        return cls(small, *(rng.random((2, count)) < 0.7))

    def on_array(self, image: np.ndarray, i: int) -> np.ndarray:
        """Resize twice."""
        small, size = int(self.small[i]), image.shape[0]
        down = cv2.INTER_AREA if self.averages[i] else cv2.INTER_LINEAR
        up = cv2.INTER_LINEAR if self.linear[i] else cv2.INTER_CUBIC
        reduced = cv2.resize(image, (small, small), interpolation=down)
        return cv2.resize(reduced, (size, size), interpolation=up)

    def on_tensor(self, images: Tensor) -> Tensor:
        """By matrices from the left and the right, for both ways are linear and separable."""
        size, device = images.shape[-1], images.device
        down, up = self._down(size, device)[:, None], self._up(size, device)[:, None]
        reduced = (down @ images @ down.transpose(-1, -2)).round()
        return up @ reduced @ up.transpose(-1, -2)

    def _down(self, size: int, device: torch.device) -> Tensor:
        """(n, most cells, S): how much of each pixel a cell holds."""
        ratio = size / self.small[:, None]
        cells = (np.arange(self.small.max()) + 0.5) * ratio
        pixels = torch.arange(size, dtype=torch.float32, device=device) + 0.5
        distance = (on(device, cells)[..., None] - pixels).abs()
        # Two intervals overlap by the sum of their halves less their distance, and by 1 at most.
        reach = np.where(self.averages[:, None], (ratio + 1) / 2, 1.0)
        weight = (on(device, reach)[..., None] - distance).clamp(0, 1)
        return weight / weight.sum(-1, keepdim=True).clamp(min=1e-6)

    def _up(self, size: int, device: torch.device) -> Tensor:
        """(n, S, most cells): how much of each cell a pixel shows."""
        count = self.small[:, None]
        linear = on(device, self.linear)[:, None, None]
        places = (np.arange(size) + 0.5) * count / size - 0.5
        clipped = on(device, places.clip(0, count - 1))[..., None]
        cells = torch.arange(int(self.small.max()), dtype=torch.float32, device=device)
        distance = (clipped - cells).abs()
        weight = torch.where(linear, (1 - distance).clamp(min=0), _cubic(distance))
        weight = weight * (cells < on(device, count)[..., None])
        return weight / weight.sum(-1, keepdim=True)


def _cubic(distance: Tensor, a: float = -0.75) -> Tensor:
    """OpenCV's cubic kernel (Keys, 1981)."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))

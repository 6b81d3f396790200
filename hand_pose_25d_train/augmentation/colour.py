"""Colours and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d_train.augmentation.transfer import on

LUMINANCE_WEIGHTS = (0.299, 0.587, 0.114)
"""Of red, green and blue: ITU-R BT.601, as in JFIF."""
_LEVELS = np.arange(256) / 255


@dataclass(frozen=True)
class Recolouring:
    """Changes of brightness, contrast, gamma, saturation and white balance."""

    gamma: np.ndarray
    """(n, 1)"""
    gain: np.ndarray
    """(n, 3) of red, green and blue: contrast and white balance."""
    offset: np.ndarray
    """(n, 3), in 0 ... 1: brightness and what the contrast leaves in the middle."""
    saturation: np.ndarray
    """(n,)"""

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator) -> Recolouring:
        """Draw n changes."""
        gamma = np.exp(rng.normal(0, 0.3, (count, 1)))
        contrast = np.exp(rng.normal(0, 0.2, (count, 1)))
        brightness = rng.normal(0, 0.08, (count, 1))
        balance = np.exp(rng.normal(0, 0.1, (count, 3)))
        saturation = np.exp(rng.normal(0, 0.3, count))
        middle = 0.5 - 0.5 * contrast + brightness
        return cls(gamma, contrast * balance, middle * balance, saturation)

    def on_array(self, image: np.ndarray, i: int) -> np.ndarray:
        """By one table a channel."""
        curve = (_LEVELS ** self.gamma[i])[:, None] * self.gain[i] + self.offset[i]
        table = (curve * 255).clip(0, 255).astype(np.uint8)
        image = cv2.LUT(image, table[:, None, :])
        saturation = float(self.saturation[i])
        return cv2.addWeighted(image, saturation, _grey(image), 1 - saturation, 0)

    def on_tensor(self, images: Tensor) -> Tensor:
        """By the formula itself."""
        device = images.device
        gamma, gain, offset = (
            on(device, v)[..., None, None] for v in (self.gamma, self.gain, self.offset)
        )
        changed = (((images / 255) ** gamma * gain + offset) * 255).clamp(0, 255)
        saturation = on(device, self.saturation)[:, None, None, None]
        return changed * saturation + grey(changed) * (1 - saturation)


@dataclass(frozen=True)
class Greying:
    """Images without colours."""

    def on_array(self, image: np.ndarray, i: int) -> np.ndarray:
        """The luminance in all three channels."""
        return _grey(image)

    def on_tensor(self, images: Tensor) -> Tensor:
        """The luminance in all three channels."""
        return grey(images).expand_as(images)


@dataclass(frozen=True)
class SensorNoise:
    """Sensor noise, of single pixels or of cells of two."""

    sigma: np.ndarray
    """(n,) of 255"""
    is_coarse: np.ndarray
    """(n,) bool"""
    seeds: np.ndarray
    """(n,)"""

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator) -> SensorNoise:
        """Draw the noise's strengths."""
        sigma = np.abs(rng.normal(0, 8, count))
        return cls(sigma, rng.random(count) < 0.5, rng.integers(2**62, size=count))

    def on_array(self, image: np.ndarray, i: int) -> np.ndarray:
        """Add the i-th image's noise."""
        size = image.shape[0]
        cells = size // 2 if self.is_coarse[i] else size
        generator = torch.Generator().manual_seed(int(self.seeds[i]))
        noise = torch.randn((cells, cells, 3), generator=generator).numpy()
        noise = cv2.resize(noise, (size, size)) if cells != size else noise
        return cv2.addWeighted(image, 1.0, noise, float(self.sigma[i]), 0, dtype=cv2.CV_8U)

    def on_tensor(self, images: Tensor) -> Tensor:
        """Add other noise of the same strengths."""
        count, size, device = len(images), images.shape[-1], images.device
        generator = torch.Generator(device).manual_seed(int(self.seeds[0]))

        def drawn(side: int) -> Tensor:
            return torch.randn((count, 3, side, side), generator=generator, device=device)

        wide = F.interpolate(drawn(size // 2), (size, size), mode="bilinear", align_corners=False)
        is_coarse, sigma = (
            on(device, values)[:, None, None, None] for values in (self.is_coarse, self.sigma)
        )
        return images + torch.where(is_coarse, wide, drawn(size)) * sigma


def grey(images: Tensor) -> Tensor:
    """(B, 3, S, S) -> (B, 1, S, S): the luminance."""
    red, green, blue = LUMINANCE_WEIGHTS
    return images[:, :1] * red + images[:, 1:2] * green + images[:, 2:] * blue


def _grey(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 -> the same: the luminance in all three channels."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)

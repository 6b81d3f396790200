"""Augmentation of training crops' pixels, a batch at a time, on the CPU or on a GPU.

Iqbal et al., Section 5: colour, and occlusion by textured ovals and cubes.  What photographs need
besides: blur by motion and defocus, low resolution, sensor noise, JPEG, light with a colour.
What an effect draws does not depend on the device; there, each has OpenCV's way and torch's way
to the same pixels: OpenCV is two to six times as fast as torch on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hand_pose_25d_train.augmentation.blur import Blur, LowResolution
from hand_pose_25d_train.augmentation.colour import Greying, Recolouring, SensorNoise
from hand_pose_25d_train.augmentation.jpeg import Compression
from hand_pose_25d_train.augmentation.occlusion import Occlusion
from hand_pose_25d_train.augmentation.transfer import as_arrays, on

Textures = Callable[[int], Tensor]
"""Draws so many crops: (n, 3, S, S) uint8 on the device of the images."""


class Effect(Protocol):
    """An effect on n images, with all that was drawn for it."""

    def on_array(self, image: np.ndarray, i: int) -> np.ndarray:
        """Change the i-th image, (S, S, 3) uint8 RGB, by OpenCV."""
        ...

    def on_tensor(self, images: Tensor) -> Tensor:
        """Change all n, (n, 3, S, S) float32 RGB in 0 ... 255; the result may lie beyond."""
        ...


@dataclass(frozen=True)
class Augmentation:
    """Shares of the samples that each effect touches."""

    colour: float = 0.8
    grey: float = 0.05
    occlusion: float = 0.35
    blur: float = 0.25
    resolution: float = 0.3
    noise: float = 0.4
    jpeg: float = 0.3


@torch.no_grad()
def augment(
    images: Tensor, textures: Textures, augmentation: Augmentation, rng: np.random.Generator
) -> Tensor:
    """Return (B, 3, S, S) uint8 RGB images with each effect on its share of them.

    `textures` cover the occluders.
    """
    count, size = len(images), images.shape[-1]
    effects: tuple[tuple[float, Callable[[int], Effect]], ...] = (
        (augmentation.occlusion, lambda n: Occlusion.draw(textures(n), rng)),
        (augmentation.blur, lambda n: Blur.draw(n, size, rng)),
        (augmentation.resolution, lambda n: LowResolution.draw(n, size, rng)),
        (augmentation.colour, lambda n: Recolouring.draw(n, rng)),
        (augmentation.grey, lambda n: Greying()),
        (augmentation.noise, lambda n: SensorNoise.draw(n, rng)),
        (augmentation.jpeg, lambda n: Compression.draw(n, rng)),
    )
    changed = images.float() if images.is_cuda else as_arrays(images).copy()
    for share, draw in effects:
        rows = np.flatnonzero(rng.random(count) < share)
        if len(rows):
            _apply(draw(len(rows)), changed, rows)
    if isinstance(changed, Tensor):
        return changed.byte()
    return torch.from_numpy(changed).permute(0, 3, 1, 2)


def _apply(effect: Effect, images: Tensor | np.ndarray, rows: np.ndarray) -> None:
    """Put an effect on these of the images, in place."""
    if isinstance(images, Tensor):
        places = on(images.device, rows)
        # As 8-bit images between the effects.
        images[places] = effect.on_tensor(images[places]).round().clamp(0, 255)
        return
    for i, row in enumerate(rows):
        images[row] = effect.on_array(images[row], i)

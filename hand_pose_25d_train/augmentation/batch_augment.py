"""`augment.Augmentation` for whole batches of tensors, on the device that trains.

The same effects with the same shares and ranges; what is drawn once per image comes from a numpy
generator, the noise from torch's.  Images are (B, 3, S, S) float32 RGB in 0 ... 255.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d_train.augmentation.augment import Augmentation
from hand_pose_25d_train.augmentation.batch_jpeg import TO_YCC, jpeg
from hand_pose_25d_train.augmentation.batch_occlusion import occlude
from hand_pose_25d_train.datasets.transfer import on

_BLUR_TAPS = 21


def augment(
    images: Tensor,
    textures: Tensor,
    augmentation: Augmentation,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> Tensor:
    """Return the images with each effect on its share of them; `textures` (B, 3, S, S) cover
    occluders."""
    images = images.clone()
    _apply(images, augmentation.occlusion, rng, lambda x, rows: occlude(x, textures[rows], rng))
    _apply(images, augmentation.blur, rng, lambda x, _: blur(x, rng))
    _apply(images, augmentation.resolution, rng, lambda x, _: lower_resolution(x, rng))
    _apply(images, augmentation.colour, rng, lambda x, _: recolour(x, rng))
    _apply(images, augmentation.grey, rng, lambda x, _: grey(x).expand_as(x))
    _apply(images, augmentation.noise, rng, lambda x, _: add_noise(x, rng, generator))
    _apply(images, augmentation.jpeg, rng, lambda x, _: jpeg(x, rng.integers(25, 90, len(x))))
    return images


def _apply(
    images: Tensor,
    share: float,
    rng: np.random.Generator,
    effect: Callable[[Tensor, Tensor], Tensor],
) -> None:
    chosen = np.flatnonzero(rng.random(len(images)) < share)
    if len(chosen):
        rows = on(images.device, chosen)
        changed = effect(images[rows], rows)
        images[rows] = changed.round().clamp(0, 255)  # as 8-bit images between the effects


def grey(images: Tensor) -> Tensor:
    """(B, 3, S, S) -> (B, 1, S, S): the luminance."""
    red, green, blue = TO_YCC[0].tolist()
    return images[:, :1] * red + images[:, 1:2] * green + images[:, 2:] * blue


def recolour(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Change brightness, contrast, gamma, saturation and white balance."""
    count = len(images)

    def drawn(mean: float, spread: float, width: int = 1) -> np.ndarray:
        return rng.normal(mean, spread, (count, width, 1, 1))

    gamma, contrast = np.exp(drawn(0, 0.3)), np.exp(drawn(0, 0.2))
    brightness, balance = drawn(0, 0.08), np.exp(drawn(0, 0.1, 3))
    device = images.device
    curve = (images / 255) ** on(device, gamma)
    curve = (curve - 0.5) * on(device, contrast) + (0.5 + on(device, brightness))
    changed = (curve * on(device, balance) * 255).clamp(0, 255)
    saturation = on(device, np.exp(drawn(0, 0.3)))
    return changed * saturation + grey(changed) * (1 - saturation)


def add_noise(images: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
    """Add sensor noise, of single pixels or of cells of two."""
    count, size = len(images), images.shape[-1]
    sigma = on(images.device, np.abs(rng.normal(0, 8, (count, 1, 1, 1))))
    coarse = on(images.device, rng.random((count, 1, 1, 1)) < 0.5)

    def drawn(side: int) -> Tensor:
        shape = (count, 3, side, side)
        return torch.randn(shape, generator=generator, device=images.device)

    wide = F.interpolate(drawn(size // 2), (size, size), mode="bilinear", align_corners=False)
    return images + torch.where(coarse, wide, drawn(size)) * sigma


def blur(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Defocus, or the motion of the hand along a line."""
    count, size = len(images), images.shape[-1]
    sigma = rng.uniform(0.4, max(0.5, 0.014 * size), count)
    half = np.maximum(3, rng.uniform(0.01, 0.08, count) * size) / 2
    half = np.minimum(half, (_BLUR_TAPS - 1) / 2)
    angle = rng.uniform(0, np.pi, count)
    offset = np.arange(_BLUR_TAPS) - (_BLUR_TAPS - 1) / 2
    v, u = np.meshgrid(offset, offset, indexing="ij")
    defocus = np.exp(-(u**2 + v**2) / (2 * sigma[:, None, None] ** 2))
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along, across = np.abs(u * cos + v * sin), np.abs(v * cos - u * sin)
    line = np.maximum(1 - across, 0) * np.clip(half[:, None, None] + 0.5 - along, 0, 1)
    kernels = np.where(rng.random(count)[:, None, None] < 0.5, defocus, line)
    kernels /= kernels.sum((1, 2), keepdims=True)
    weight = on(images.device, kernels).repeat_interleave(3, 0)[:, None]
    padded = F.pad(images, [_BLUR_TAPS // 2] * 4, mode="replicate")
    flat = padded.reshape(1, count * 3, *padded.shape[-2:])
    return F.conv2d(flat, weight, groups=count * 3).view_as(images)


def lower_resolution(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Make the crops as those of small hands: down to a fifth and up again.

    Both ways are linear and separable: one S x S matrix an image, from the left and the right.
    """
    count, size = len(images), images.shape[-1]
    small = (size * np.exp(rng.uniform(np.log(0.18), 0, count))).astype(int).clip(4)
    reduced = on(images.device, small[:, None, None] * 1.0)
    averages = on(images.device, rng.random((count, 1, 1)) < 0.7)
    linear = on(images.device, rng.random((count, 1, 1)) < 0.7)
    line = torch.arange(size, dtype=torch.float32, device=images.device)
    ratio = size / reduced
    cell, pixel = line[:, None], line[None, :]
    # How much of each of the S pixels (columns) each small cell (rows) holds.
    overlap = torch.minimum(pixel + 1, (cell + 1) * ratio) - torch.maximum(pixel, cell * ratio)
    lone = 1 - ((cell + 0.5) * ratio - 0.5 - pixel).abs()
    down = torch.where(averages, overlap.clamp(min=0), lone.clamp(min=0))
    down = down * (cell < reduced)
    down = down / down.sum(-1, keepdim=True).clamp(min=1e-6)
    # And of each small cell (columns) each of the S pixels (rows).
    place = torch.minimum(((line[:, None] + 0.5) / ratio - 0.5).clamp(min=0), reduced - 1)
    distance = (place - line[None, :]).abs()
    up = torch.where(linear, (1 - distance).clamp(min=0), _cubic(distance))
    up = up * (line < reduced)
    up = up / up.sum(-1, keepdim=True)
    both = (up @ down)[:, None]
    return both @ images @ both.transpose(-1, -2)


def _cubic(distance: Tensor, a: float = -0.75) -> Tensor:
    """OpenCV's cubic kernel (Keys, 1981)."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))

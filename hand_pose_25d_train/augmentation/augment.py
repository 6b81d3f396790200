"""Augmentation of training crops' pixels; geometry is `training_sample.cut`'s.

Iqbal et al., Section 5: colour, and occlusion by textured ovals and cubes.  What photographs need
besides: blur by motion and defocus, low resolution, sensor noise, JPEG, light with a colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


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

    def __call__(
        self, image: np.ndarray, texture: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(S, S, 3) uint8 RGB -> the same; `texture`, of the same shape, covers occluders."""
        if rng.random() < self.occlusion:
            image = occlude(image, texture, rng)
        if rng.random() < self.blur:
            image = blur(image, rng)
        if rng.random() < self.resolution:
            image = lower_resolution(image, rng)
        if rng.random() < self.colour:
            image = recolour(image, rng)
        if rng.random() < self.grey:
            image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        if rng.random() < self.noise:
            sigma = abs(rng.normal(0, 8))
            cells = image.shape[0] // int(rng.integers(1, 3))
            noise = rng.standard_normal((cells, cells, 3), dtype=np.float32) * sigma
            noise = cv2.resize(noise, image.shape[1::-1])
            image = (image + noise).clip(0, 255).astype(np.uint8)
        if rng.random() < self.jpeg:
            quality = int(rng.integers(25, 90))
            _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return image


def recolour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, gamma, saturation and white balance, by one table a channel."""
    x = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.normal(0, 0.3))
    contrast, brightness = np.exp(rng.normal(0, 0.2)), rng.normal(0, 0.08)
    curve = (x**gamma - 0.5) * contrast + 0.5 + brightness
    balance = np.exp(rng.normal(0, 0.1, 3))
    table = np.stack([curve * b for b in balance], -1)
    image = cv2.LUT(image, (table * 255).clip(0, 255).astype(np.uint8)[:, None, :])
    saturation = float(np.exp(rng.normal(0, 0.3)))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, saturation, grey, 1 - saturation, 0)


def blur(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Defocus, or the motion of the hand along a line."""
    size = image.shape[0]
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, max(0.5, 0.014 * size)))
    length = max(3, int(rng.uniform(0.01, 0.08) * size)) | 1
    kernel = np.zeros((length, length), np.float32)
    angle, half = rng.uniform(0, np.pi), (length - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * half
    start, end = np.round(half - reach).astype(int), np.round(half + reach).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def lower_resolution(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make the crop as one of a small hand: down to a fifth and up again."""
    size = image.shape[0]
    small = max(4, int(size * np.exp(rng.uniform(np.log(0.18), 0))))
    mode = cv2.INTER_AREA if rng.random() < 0.7 else cv2.INTER_LINEAR
    reduced = cv2.resize(image, (small, small), interpolation=mode)
    back = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
    return cv2.resize(reduced, (size, size), interpolation=back)


def occlude(image: np.ndarray, texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put one to three textured ovals or cubes in front of the hand."""
    size = image.shape[0]
    image = image.copy()
    for _ in range(rng.integers(1, 4)):
        mask = np.zeros((size, size), np.uint8)
        center = rng.uniform(0, size, 2)
        radius = rng.uniform(0.04, 0.16) * size
        cover = np.roll(texture, rng.integers(size, size=2), axis=(0, 1))
        if rng.random() < 0.3:
            cover = np.broadcast_to(rng.integers(0, 256, 3).astype(np.uint8), cover.shape)
        if rng.random() < 0.5:
            axes = (radius * np.exp(rng.normal(0, 0.4, 2))).astype(int) + 1
            middle, turn = center.astype(int).tolist(), rng.uniform(0, 180)
            cv2.ellipse(mask, middle, axes.tolist(), turn, 0, 360, 255, -1)
            shade = rng.uniform(0.6, 1.2)
            _paste(image, mask, cover, shade)
        else:
            for corners, shade in cube_faces(center, radius, rng):
                face = np.zeros_like(mask)
                cv2.fillConvexPoly(face, corners.astype(np.int32), 255)
                _paste(image, face, cover, shade)
    return image


def _paste(image: np.ndarray, mask: np.ndarray, cover: np.ndarray, shade: float) -> None:
    where = mask > 0
    image[where] = (cover[where] * shade).clip(0, 255).astype(np.uint8)


def cube_faces(
    center: np.ndarray, radius: float, rng: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """Return the three visible faces of a turned cuboid, each (4, 2) pixels and a brightness."""
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    axes = axes * np.where(axes[2] > 0, -1, 1)  # columns that point at the viewer (z < 0)
    half = axes * (radius * np.exp(rng.normal(0, 0.3, 3)))
    faces = []
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        middle, a, b = half[:2, i], half[:2, j], half[:2, k]
        corners = center + middle + np.stack([a + b, a - b, -a - b, b - a])
        faces.append((corners, 0.5 + 0.7 * abs(float(axes[2, i]))))
    return faces

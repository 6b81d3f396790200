"""What a camera does to a linear image: exposure, white balance, blur, noise, compression."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from hand_pose_25d_train.render.scene.lighting import to_srgb

GRAIN = 1 << 20


def motion_kernel(length: float, angle: float) -> np.ndarray:
    """A line of `length` pixels, (n, n) float32, sum 1."""
    n = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((n, n), np.uint8)  # OpenCV draws smooth lines in 8 bits only
    c = (n - 1) / 2
    dx, dy = np.cos(angle) * length / 2, np.sin(angle) * length / 2
    shift = 16
    cv2.line(
        kernel,
        (int((c - dx) * shift), int((c - dy) * shift)),
        (int((c + dx) * shift), int((c + dy) * shift)),
        (255,),
        1,
        cv2.LINE_AA,
        4,
    )
    return (kernel / kernel.sum()).astype(np.float32)


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    """A million numbers of a normal distribution, drawn once: drawing is a third of `expose`."""
    return np.random.default_rng(2025).standard_normal(GRAIN, dtype=np.float32)


def on_sensor(image: np.ndarray, reduced: int, rng: np.random.Generator) -> np.ndarray:
    """A linear image (H, W, 3) through a lens, on pixels that are `reduced` times as wide."""
    size = (image.shape[1] // reduced, image.shape[0] // reduced)
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), float(rng.uniform(0.3, 0.8)))


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Normal noise of a shape: a part of the grain, or drawn where the grain is too small."""
    size = math.prod(shape)
    if size > GRAIN // 4:
        return rng.standard_normal(shape, dtype=np.float32)
    start = int(rng.integers(GRAIN - size))
    noise = _grain()[start : start + size].reshape(shape)
    return -noise if rng.random() < 0.5 else noise.copy()


def expose(
    image: np.ndarray, rng: np.random.Generator, strength: float = 1.0, moved: bool = False
) -> np.ndarray:
    """Linear (H, W, 3) float32 -> sRGB uint8 with a camera's faults; draws every effect.

    `moved`: the image has its blur of motion already.
    """
    scale = image.shape[0] / 224
    if rng.random() < 0.22 * strength:
        sigma = rng.uniform(0.4, 1.8) * scale
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if not moved and rng.random() < 0.15 * strength:
        kernel = motion_kernel(rng.uniform(2, 12) * scale, rng.uniform(0, np.pi))
        image = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    gain = np.exp(rng.normal(0, 0.22 * strength))
    if rng.random() < 0.08 * strength:
        gain *= rng.choice([0.4, 2.2])
    balance = np.exp(rng.normal(0, 0.06 * strength, 3))
    image = image * (gain * balance / balance.mean()).astype(np.float32)
    if rng.random() < 0.5:  # a film-like shoulder instead of hard clipping
        bright = image > 0.6
        image[bright] = 0.6 + 0.4 * np.tanh((image[bright] - 0.6) / 0.4)
    level = rng.uniform(0, 0.0006) + (rng.uniform(0.0005, 0.003) if rng.random() < 0.2 else 0)
    noise = _noise(image.shape, rng)
    if rng.random() < 0.4:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.7) * 1.8
    spread = np.maximum(image, 0)
    spread *= np.float32(level)
    spread += np.float32(level**2)
    noise *= np.sqrt(spread, out=spread)
    image += noise
    out = to_srgb(image)
    if rng.random() < 0.35 * strength:  # contrast curves of phones
        out = (out - 128) * rng.uniform(0.85, 1.2) + 128 + rng.normal(0, 6)
    out = np.clip(out, 0, 255).astype(np.uint8)
    if rng.random() < 0.15 * strength:
        small = rng.uniform(0.35, 0.8)
        size = (out.shape[1], out.shape[0])
        out = cv2.resize(out, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
        out = cv2.resize(out, size, interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3 * strength:
        quality = int(rng.uniform(25, 80))
        ok, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return out

"""Lights: an ambient light that matches the background, and one to three lamps.

The light is scaled so that the hand's mean irradiance lands on a drawn exposure, as a camera's
metering does; the hand's own colour is left alone, so dark skin stays dark.
"""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_25d_train.render.gl.drawables import Lighting


def to_linear(image: np.ndarray) -> np.ndarray:
    """SRGB uint8 -> linear float32 (the 2.2 power, as the shader's)."""
    return np.asarray(cv2.LUT(image, _LINEAR))


def to_srgb(image: np.ndarray) -> np.ndarray:
    """Linear float32 in [0, 1] -> sRGB float32 in [0, 255]."""
    result = cv2.pow(np.clip(image, 0, 1), 1 / 2.2)
    result *= np.float32(255)
    return np.asarray(result)


_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)


def temperature(kelvin: float) -> np.ndarray:
    """The linear RGB (3,) of a black body, green = 1 (a fit good to some per cent)."""
    t = kelvin / 100
    red = 255 if t <= 66 else 329.7 * (t - 60) ** -0.1332
    green = 99.47 * np.log(t) - 161.1 if t <= 66 else 288.1 * (t - 60) ** -0.0755
    blue = 255 if t >= 66 else (0 if t <= 19 else 138.5 * np.log(t - 10) - 305.0)
    color = (np.clip([red, green, blue], 8, 255) / 255) ** 2.2
    return color / color[1]


def sample_lighting(
    rng: np.random.Generator, background: np.ndarray, normals: np.ndarray
) -> Lighting:
    """Draw the lights for a linear background (H, W, 3) and the hand's normals (n, 3)."""
    quarters = cv2.resize(background, (2, 2), interpolation=cv2.INTER_AREA).astype(np.float64)
    mean = quarters.mean((0, 1)) + 0.02
    up = quarters[0].mean(0) - quarters[1].mean(0)
    side = quarters[:, 1].mean(0) - quarters[:, 0].mean(0)
    chroma = mean / mean.mean()
    chroma = 1 + (chroma - 1) * rng.uniform(0.2, 0.7)
    ambient = np.zeros((4, 3))
    ambient[0] = chroma
    ambient[1] = 0.5 * side / mean.mean()
    ambient[2] = -0.5 * up / mean.mean() - rng.uniform(0.0, 0.3)
    ambient[3] = rng.normal(0, 0.2)
    ambient[1:] = ambient[1:].clip(-0.5, 0.5)
    count = int(rng.choice([1, 2, 3], p=[0.45, 0.35, 0.2]))
    directions, colors = [], []
    for i in range(count):
        while True:
            d = rng.normal(size=3)
            d /= np.linalg.norm(d)
            # Lamps behind the hand are rarer than lamps above and in front.
            if rng.random() < 0.12 + 0.5 * (d[2] < 0.25) + 0.38 * (d[1] < 0.1):
                break
        color = temperature(rng.uniform(2700, 9000))
        color = 1 + (color - 1) * rng.uniform(0.2, 0.8)
        strength = rng.uniform(0.5, 2.2) * (1.0 if i == 0 else rng.uniform(0.15, 0.7))
        directions.append(d)
        colors.append(color * strength)
    ambient *= rng.uniform(0.25, 1.1)
    if rng.random() < 0.12:  # an overcast day, a softbox: hardly any lamp
        colors = [c * 0.2 for c in colors]
    lighting = Lighting(
        np.array(directions), np.array(colors), ambient, float(rng.uniform(0.55, 1.0))
    )
    level = np.exp(np.clip(rng.normal(np.log(0.95), 0.34), np.log(0.3), np.log(1.9)))
    scale = level / max(mean_irradiance(lighting, normals), 1e-3)
    lighting.colors *= scale
    lighting.ambient *= scale
    return lighting


def mean_irradiance(lighting: Lighting, normals: np.ndarray) -> float:
    """Mean irradiance over the normals (n, 3) that face the camera."""
    n = normals[normals[:, 2] < -0.1]
    n = n[:: max(1, len(n) // 300)]
    if not len(n):
        return 1.0
    total = np.maximum(lighting.ambient[0] + n @ lighting.ambient[1:], 0).mean()
    for d, c in zip(lighting.directions, lighting.colors, strict=True):
        total = total + np.maximum(n @ d, 0).mean() * c.mean()
    return float(total)

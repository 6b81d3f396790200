"""Dim rooms: few photons, so noise and its colours, and what cameras do against it.

The noise is that of photons (its variance is the signal over the electrons at white), of reading
and of rows (EMVA 1288 has the model without rows); denoising leaves blotches of colour.
"""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_25d_train.render.draws import log_uniform
from hand_pose_25d_train.render.scene.lighting import temperature

DIM_STREAM = 909
"""The stream that says which pictures these are, see `shares.asked`."""
EXPOSED = (0.02, 0.12)
"""Mean of the linear image, of white, even in its logarithm."""
ELECTRONS = (80.0, 600.0)
"""At white, even in the logarithm: a few per cent of a sensor's full well."""
READ = (0.002, 0.008)
"""Standard deviation of reading, of white."""
_LUMA = np.array([0.3, 0.6, 0.1], np.float32)


def in_the_dark(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The linear image (H, W, 3) float32 of a dim room: dark, noisy, in the light of its lamps."""
    scale = image.shape[0] / 224
    lamp = temperature(rng.uniform(2000, 3500) if rng.random() < 0.7 else rng.uniform(7000, 12000))
    tint = lamp ** rng.uniform(0, 0.6)  # white balance leaves a part of it
    image = np.maximum(image, 0).astype(np.float32)
    image = image * (tint / tint.mean()).astype(np.float32)
    mean = float(image.mean())
    wanted = log_uniform(rng, EXPOSED)
    image *= min(wanted / max(mean, 1e-4), 1.0)
    if rng.random() < 0.3:  # bright parts, a screen or a lamp, are kept from clipping
        image = image / (1 + image * rng.uniform(0.3, 1.5))
    electrons = log_uniform(rng, ELECTRONS)
    # Under warm lamps blue has the fewest photons; the gain that balances it makes it noisy.
    gains = np.clip(1 / lamp, 0.7, 3.0).astype(np.float32)
    read = np.float32(log_uniform(rng, READ))
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= np.sqrt(image * gains / np.float32(electrons) + (read * gains) ** 2)
    if rng.random() < 0.3:
        rows = rng.standard_normal((len(image), 1, 1), dtype=np.float32)
        noise += rows * read * np.float32(rng.uniform(0.1, 0.5))
    image = image + noise
    if rng.random() < 0.6:
        image = denoised(image, scale, rng)
    gray = (image @ _LUMA)[..., None]
    image = gray + (image - gray) * np.float32(rng.uniform(0.5, 1.0))  # colours fade
    if rng.random() < 0.4:  # blacks are cut off, or lifted
        image += np.float32(rng.uniform(-0.008, 0.008))
    return np.asarray(image, dtype=np.float32)


def denoised(image: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Brightness smoothed a little, colour a lot, as cameras do."""
    gray = image @ _LUMA
    colour = cv2.GaussianBlur(
        image - gray[..., None], (0, 0), float(rng.uniform(1.0, 3.0) * scale)
    )
    if rng.random() < 0.7:
        gray = cv2.GaussianBlur(gray, (0, 0), float(rng.uniform(0.4, 1.0) * max(scale, 0.6)))
    return np.asarray(gray[..., None] + colour * np.float32(rng.uniform(1.0, 2.0)))

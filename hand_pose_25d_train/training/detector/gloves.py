"""Hands dyed as gloves are: photographs of gloved hands with labels are rare."""

from __future__ import annotations

import cv2
import numpy as np

_BLUR = 0.006
"""Of the skin's lines, which no glove has, as a share of the image's longer side."""
_SHADING = (0.4, 1.2)
"""Contrast of light and shadow that stays."""


def gloved(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a cut-out hand, (H, W, 3) uint8 RGB, with its light and shadow, of one colour.

    The colours are those of latex, nitrile, wool and leather: white, black, and any between.
    """
    sigma = max(image.shape[:2]) * _BLUR * rng.uniform(0.2, 1.5)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma)
    hue, saturation = rng.uniform(0, 180), rng.uniform(0, 220) * (rng.random() < 0.7)
    value = rng.uniform(30, 245)
    pixel = np.array([[[hue, saturation, value]]]).astype(np.uint8)
    color = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
    shade = (smooth / max(float(np.median(smooth)), 1.0)) ** rng.uniform(*_SHADING)
    return (shade[..., None] * color).clip(0, 255).astype(np.uint8)

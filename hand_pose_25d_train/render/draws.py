"""Draws that many parts of a picture share."""

from __future__ import annotations

import numpy as np


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """Return a number between bounds, even in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(bounds))))

"""Vectors in space."""

from __future__ import annotations

import numpy as np

_AHEAD, _BEHIND = np.array([1, 2, 0]), np.array([2, 0, 1])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross product, (..., 3) both; np.cross takes several times as long for one."""
    return a.take(_AHEAD, -1) * b.take(_BEHIND, -1) - a.take(_BEHIND, -1) * b.take(_AHEAD, -1)

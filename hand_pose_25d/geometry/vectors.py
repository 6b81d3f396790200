"""Vectors in space."""

from __future__ import annotations

import numpy as np

_AHEAD, _BEHIND = np.array([1, 2, 0]), np.array([2, 0, 1])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross product, (..., 3) both; np.cross takes several times as long for one."""
    return a.take(_AHEAD, -1) * b.take(_BEHIND, -1) - a.take(_BEHIND, -1) * b.take(_AHEAD, -1)


def rotated_jointly(covariance: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Rotate the joint covariance of K points: R C R' for each 3 x 3 block C.

    covariance: (..., 3K, 3K); rotation R: (..., 3, 3).  Blocks of NaN stay what they are.
    """
    shape, turn = covariance.shape, rotation.swapaxes(-1, -2)
    rows = (*shape[:-2], shape[-1] * shape[-1] // 3, 3)
    once = (covariance.reshape(rows) @ turn).reshape(shape)  # C R'
    twice: np.ndarray = (once.swapaxes(-1, -2).reshape(rows) @ turn).reshape(shape)  # (C R')' R'
    return twice


def blocks_on_diagonal(covariance: np.ndarray) -> np.ndarray:
    """Return each point's own covariance out of the joint one: (..., 3K, 3K) -> (..., K, 3, 3)."""
    *rest, size, _ = covariance.shape
    blocks = covariance.reshape(*rest, size // 3, 3, size // 3, 3)
    own = blocks.diagonal(axis1=-4, axis2=-2)  # (..., 3, 3, K)
    return own.swapaxes(-3, -1).swapaxes(-2, -1).copy()

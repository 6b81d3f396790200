"""Vectors in space."""

from __future__ import annotations

import numpy as np

_AHEAD, _BEHIND = np.array([1, 2, 0]), np.array([2, 0, 1])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross product, (..., 3) both; np.cross takes several times as long for one."""
    return a.take(_AHEAD, -1) * b.take(_BEHIND, -1) - a.take(_BEHIND, -1) * b.take(_AHEAD, -1)


def carried_jointly(covariance: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Carry the joint covariance of K points through linear maps of theirs: M_a C_ab M_b'.

    covariance: (..., 3K, 3K); change M: (..., K, 3, 3), or (..., 1, 3, 3), the same for all.
    Blocks of NaN stay what they are.
    """
    shape = covariance.shape
    points = (*shape[:-2], shape[-1] // 3, 3, shape[-1])
    once = (change @ covariance.reshape(points)).reshape(shape)
    # M (M C)' = M C' M', and C' is C.
    twice: np.ndarray = (change @ once.swapaxes(-1, -2).reshape(points)).reshape(shape)
    return twice


def blocks_on_diagonal(covariance: np.ndarray) -> np.ndarray:
    """Return each point's own covariance out of the joint one: (..., 3K, 3K) -> (..., K, 3, 3)."""
    *rest, size, _ = covariance.shape
    blocks = covariance.reshape(*rest, size // 3, 3, size // 3, 3)
    own = blocks.diagonal(axis1=-4, axis2=-2)  # (..., 3, 3, K)
    return own.swapaxes(-3, -1).swapaxes(-2, -1).copy()

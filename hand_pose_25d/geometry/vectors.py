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
    *rest, size, _ = covariance.shape
    blocks = covariance.reshape(*rest, size // 3, 3, size // 3, 3).swapaxes(-3, -2)
    turn = rotation[..., None, None, :, :]
    turned: np.ndarray = (turn @ blocks @ turn.swapaxes(-1, -2)).swapaxes(-3, -2)
    return turned.reshape(covariance.shape)


def blocks_on_diagonal(covariance: np.ndarray) -> np.ndarray:
    """Return each point's own covariance out of the joint one: (..., 3K, 3K) -> (..., K, 3, 3)."""
    *rest, size, _ = covariance.shape
    blocks = covariance.reshape(*rest, size // 3, 3, size // 3, 3)
    return np.ascontiguousarray(np.einsum("...iaib->...iab", blocks))

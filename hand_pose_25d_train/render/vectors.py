"""Cross products, quickly: numpy's own takes 25 microseconds to look at its arguments."""

from __future__ import annotations

import numpy as np


def cross_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products (..., 3) of vectors (..., 3), as np.cross."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    x = ay * bz - az * by
    result = np.empty((*np.shape(x), 3), np.asarray(x).dtype)
    result[..., 0] = x
    result[..., 1] = az * bx - ax * bz
    result[..., 2] = ax * by - ay * bx
    return result

"""What of a mesh need not be drawn: most of drawing's time goes by the triangle."""

from __future__ import annotations

import numpy as np

AWAY = -0.35
"""Vertices whose normals have a smaller cosine with the view bound triangles that face away."""
FINE, ROUGH = 1.6, 3.0
"""A vertex of a fine or a rough mesh that is so far (in half images) from the image's centre may
bound a triangle that is seen."""
FEW = 600
"""Culling a mesh of fewer triangles costs more than drawing it."""
_NEAREST = 0.04


def projected(
    vertices: np.ndarray, K: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of vertices (n, 3) in the image, -1 to 1 between its edges, and the depths: (n,)."""
    z = vertices[:, 2]
    inverse = 1 / np.maximum(z, np.float32(_NEAREST))
    u = vertices[:, 0] * inverse
    u *= np.float32(2 * K[0, 0] / size[0])
    u += np.float32(2 * (K[0, 2] + 0.5) / size[0] - 1)
    v = vertices[:, 1] * inverse
    v *= np.float32(2 * K[1, 1] / size[1])
    v += np.float32(2 * (K[1, 2] + 0.5) / size[1] - 1)
    return u, v, z


def inside(u: np.ndarray, v: np.ndarray, z: np.ndarray, margin: float) -> np.ndarray:
    """Which vertices may bound what is seen; those next to the camera's plane always may."""
    m = np.float32(margin)
    return np.asarray(((np.abs(u) < m) & (np.abs(v) < m)) | (np.abs(z) < 2 * _NEAREST))


def cosines(vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Cosines (n,) between normals and the way to the camera."""
    along = np.einsum("ij,ij->i", vertices, normals)
    return np.asarray(-along / np.sqrt(np.einsum("ij,ij->i", vertices, vertices)))


def triangles_of(kept: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Those of the triangles `which` (t, 3) that a kept vertex (n,) bounds."""
    if len(which) < FEW:
        return which
    a, b, c = kept[which[:, 0]], kept[which[:, 1]], kept[which[:, 2]]
    return which[a | b | c]


def box_of(
    u: np.ndarray, v: np.ndarray, z: np.ndarray, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The pixels x0, y0, x1, y1 (ends exclusive) that a mesh may cover; all if it is too near."""
    if z.min() < 2 * _NEAREST:
        return 0, 0, size[0], size[1]
    low = np.array([u.min(), v.min()]) * 0.5 + 0.5
    high = np.array([u.max(), v.max()]) * 0.5 + 0.5
    first = np.clip(np.floor(low * size), 0, size).astype(int)
    last = np.clip(np.ceil(high * size), 0, size).astype(int)
    return int(first[0]), int(first[1]), int(last[0]), int(last[1])

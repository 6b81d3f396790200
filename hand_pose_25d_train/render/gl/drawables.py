"""What is drawn: meshes, materials and lights.  All in the camera's optical frame, metres."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from hand_pose_25d_train.render.vectors import cross_product


@dataclass
class Material:
    """How a surface looks; colours are linear."""

    texture: object = None
    """A key of `Drawer.textures`, or an (H, W, 3) uint8 sRGB image, or None for white."""
    tint: tuple = (1.0, 1.0, 1.0)
    offset: tuple = (0.0, 0.0, 0.0)
    roughness: float = 0.5
    specular: float = 0.04
    subsurface: float = 0.0
    bump: float = 0.0
    saturation: float = 1.0
    detail: float = 0.0
    detail_scale: float = 900.0


@dataclass
class Mesh:
    """Triangles in the camera frame."""

    vertices: np.ndarray
    """(n, 3) m."""
    normals: np.ndarray
    """(n, 3) unit."""
    uv: np.ndarray
    """(n, 2)."""
    triangles: np.ndarray
    """(t, 3) int32."""
    material: Material
    ident: int
    """1-255; written where this mesh is in front."""
    ao: float = 1.0
    closed: bool = False
    """Its inside is never seen, so that back faces need not be drawn."""
    shadow_triangles: np.ndarray | None = None
    """Fewer triangles that cast the same shadow."""
    coarse: tuple[np.ndarray, sparse.csr_matrix] | None = None
    """Vertices (m,) where slow shading is computed, and the matrix (n, m) that spreads it."""
    folds: np.ndarray | None = None
    """(n, 2) skin folds: mm from the nearest crease, and strength."""


@dataclass
class Lighting:
    """Directional lights (the first casts shadows) and a first-order ambient light."""

    directions: np.ndarray
    """(L, 3) unit, towards the lights, camera frame."""
    colors: np.ndarray
    """(L, 3) linear irradiance."""
    ambient: np.ndarray
    """(4, 3): constant and slopes along x, y, z of the irradiance by normal."""
    shadow: float = 1.0


@dataclass
class Drawing:
    """What the drawer returns, at the size of the image times the supersampling."""

    radiance: np.ndarray
    """(H, W, 4) float32 at image size: linear, premultiplied, alpha = coverage."""
    depth: np.ndarray = field(repr=False)
    """(sH, sW) float32 m, inf where nothing is."""
    ident: np.ndarray = field(repr=False)
    """(sH, sW) uint8, 0 where nothing is."""


def in_view(points: np.ndarray, K: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which points (n, 3) a camera sees, give or take a tenth of the image: (n,) bool."""
    z = np.maximum(points[:, 2], 1e-3)
    u = (points[:, 0] * K[0, 0] / z + K[0, 2]) / size[0] - 0.5
    v = (points[:, 1] * K[1, 1] / z + K[1, 2]) / size[1] - 0.5
    return np.asarray((np.abs(u) < 0.6) & (np.abs(v) < 0.6) & (points[:, 2] > 0))


def light_view(
    direction: np.ndarray, points: np.ndarray, seen: np.ndarray | None = None
) -> np.ndarray:
    """An orthographic view (4, 4) from a directional light that holds the points (n, 3) `seen`.

    In depth it holds all points: what is outside the image casts shadows into it.
    """
    forward = -np.asarray(direction, dtype=np.float64)
    helper = np.array([0.0, 1, 0]) if abs(forward[1]) < 0.9 else np.array([1.0, 0, 0])
    right = cross_product(forward, helper)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, cross_product(right, forward), forward])
    in_light = points @ rotation.T
    low, high = in_light.min(0), in_light.max(0)
    if seen is not None and seen.sum() > 2:
        low[:2], high[:2] = in_light[seen, :2].min(0), in_light[seen, :2].max(0)
    center, half = (low + high) / 2, np.maximum((high - low) / 2 * 1.05, 1e-3)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation / half[:, None]
    matrix[:3, 3] = -center / half
    return matrix

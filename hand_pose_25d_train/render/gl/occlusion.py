"""Ambient occlusion of meshes by balls that fill the hands."""

from __future__ import annotations

import numpy as np

from hand_pose_25d_train.render.gl.drawables import Mesh

FAR_SIDE = -0.6
"""Vertices whose normals have a smaller cosine with the view bound nothing that is seen."""


def openness(vertices: np.ndarray, normals: np.ndarray, spheres: np.ndarray) -> np.ndarray:
    """How much of the sky each vertex (n, 3) sees: (n,) float32 in [0, 1].

    `spheres` (s, 4) are centres and radii.  A ball hides a share of the hemisphere that falls with
    the cosine and the square of the distance; the shares multiply.
    """
    # Near the origin single precision suffices for differences.
    center = spheres[:, :3].mean(0)
    points = np.asarray(vertices - center, dtype=np.float32)
    turned = np.asarray(normals, dtype=np.float32)
    balls = np.asarray(spheres[:, :3] - center, dtype=np.float32)
    square = np.asarray(spheres[:, 3:] ** 2, dtype=np.float32)
    distance = (points**2).sum(1) - 2 * (balls @ points.T) + (balls**2).sum(1, keepdims=True)
    np.maximum(distance, np.float32(1e-8), out=distance)  # squared, (s, n)
    hidden = balls @ turned.T
    hidden -= (points * turned).sum(1)
    np.maximum(hidden, 0, out=hidden)
    hidden /= np.sqrt(distance)
    # A ball that holds the vertex is the vertex's own flesh.
    hidden *= distance > square * np.float32(0.8)
    np.divide(square, distance, out=distance)
    np.minimum(distance, 1, out=distance)
    hidden *= distance
    hidden *= np.float32(-0.85)
    hidden += 1
    return np.multiply.reduce(hidden, axis=0)


def mesh_openness(
    mesh: Mesh,
    data: np.ndarray,
    spheres: np.ndarray | None,
    shown: np.ndarray,
    toward: np.ndarray | None,
) -> np.ndarray | float:
    """The openness (n,) of a mesh's vertices, at its coarse vertices where it says which.

    `data` (n, 9) begins with positions and normals; only those `shown` (n,) and turned `toward`
    the camera matter.
    """
    if spheres is None or not len(spheres) or not mesh.ao:
        return 1.0
    spread = None
    chosen = np.flatnonzero(shown)
    opened = np.ones(len(data), np.float32)
    if mesh.coarse is not None:
        rough, spread = mesh.coarse
        matters = shown[rough]
        if toward is not None:
            matters = matters & (toward[rough] > FAR_SIDE)
        chosen = rough[matters]
        opened = np.ones(len(rough), np.float32)
    values = openness(data[chosen, :3], data[chosen, 3:6], spheres)
    if spread is None:
        opened[chosen] = values
    else:
        opened[matters] = values
        opened = spread @ opened
    return 1 + np.float32(mesh.ao) * (opened - 1)

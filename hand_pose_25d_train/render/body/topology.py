"""The arm that all bodies share: its vertices in the body's mesh, its bones, its triangles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from hand_pose_25d_train.render.body.assets import BodyData, load_body
from hand_pose_25d_train.render.body.subdivision import adaptive_triangles, catmull_clark
from hand_pose_25d_train.render.vectors import cross_product

FINGER_BONES = tuple((f, j) for f in range(1, 6) for j in range(1, 4))
RIG_BONES: tuple[str, ...] = ("hand", "forearm", "elbow") + tuple(
    f"{f}-{j}" for f, j in FINGER_BONES
)
"""The reduced rig: the palm is rigid; the forearm's twist is shared by two bones."""
HAND, FOREARM, ELBOW = 0, 1, 2
BULGE = 0.0004
"""Coarse quads whose sides cut off more of the surface's curve (m) are subdivided for drawing."""


@dataclass(frozen=True)
class HandTopology:
    """What all bodies share.

    Only those of the subdivided mesh's vertices exist that a triangle uses, about half of them;
    the first n are the coarse vertices, smoothed.
    """

    coarse: np.ndarray
    """(n,) the arm's vertices in the body's mesh."""
    weights: np.ndarray
    """(n, B) float32."""
    subdivide: sparse.csr_matrix
    """(F, n) coarse -> fine vertices."""
    quads: np.ndarray
    """(Q, 4) the coarse quads."""
    face_to_vertex: sparse.csr_matrix
    """(n, Q) sums coarse faces into vertices, for normals."""
    spread_normals: sparse.csr_matrix
    """(F, n) linear: the normals between those of the coarse vertices."""
    split: np.ndarray
    """(R,) the fine vertex of each render vertex (split at texture seams)."""
    uv: np.ndarray
    """(R, 2) texture coordinates, v down."""
    triangles: np.ndarray
    """(t, 3) int32 render vertex indices: fine triangles where the coarse ones are bent."""
    fine_weights: np.ndarray
    """(F, B) float32 weights of the fine vertices."""
    shadow_triangles: np.ndarray
    """The coarse mesh's triangles as render vertex indices: enough to cast shadows."""
    rough: tuple[np.ndarray, sparse.csr_matrix]
    """The render vertices (n,) of the coarse vertices, and the matrix (R, n) from these to all."""


@lru_cache(maxsize=1)
def hand_topology() -> HandTopology:
    """Cut the right arm out of the body's mesh."""
    body = load_body()
    weights = _reduced_weights(body)
    inside = weights.sum(1) > 0.5
    quads, uv_quads = body.quads["body"]
    keep = inside[quads].all(1)
    quads, uv_quads = quads[keep], uv_quads[keep]
    coarse, quads = np.unique(quads, return_inverse=True)
    uv_ids, uv_quads = np.unique(uv_quads, return_inverse=True)
    quads, uv_quads = quads.reshape(-1, 4), uv_quads.reshape(-1, 4)
    count = len(coarse)
    matrix, fine_quads = catmull_clark(quads, count)
    between, _ = catmull_clark(quads, count, linear=True)
    uv_matrix, fine_uv_quads = catmull_clark(uv_quads, len(uv_ids), linear=True)
    uv = uv_matrix @ body.uv[uv_ids]
    pairs, inverse = np.unique(
        np.stack([fine_quads.ravel(), fine_uv_quads.ravel()], 1), axis=0, return_inverse=True
    )
    triangles = adaptive_triangles(
        fine_quads, inverse.reshape(-1, 4), _bulging(body.vertices[coarse], quads)
    )
    # Leave out what no triangle uses; every coarse vertex stays, for the shadows.
    vertex = pairs[:, 0]
    first = np.searchsorted(vertex, np.arange(count))  # render vertices are sorted by vertex
    used, drawn = np.unique(np.concatenate([triangles.ravel(), first]), return_inverse=True)
    fine, split = np.unique(vertex[used], return_inverse=True)
    first = drawn[triangles.size :]
    matrix, between, uv = matrix[fine], between[fine], uv[pairs[used, 1]]
    reduced = weights[coarse]
    reduced = (reduced / reduced.sum(1, keepdims=True)).astype(np.float32)
    return HandTopology(
        coarse=coarse,
        weights=reduced,
        subdivide=matrix,
        quads=quads,
        face_to_vertex=_incidence(quads, count),
        spread_normals=between,
        split=split,
        uv=_fixed(np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32)),
        triangles=drawn[: triangles.size].reshape(-1, 3).astype(np.int32),
        fine_weights=np.asarray(matrix @ reduced, dtype=np.float32),
        shadow_triangles=_fixed(
            first[quads][:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)
        ),
        rough=(first, matrix[split]),
    )


def _incidence(quads: np.ndarray, count: int) -> sparse.csr_matrix:
    """The matrix (count, Q) float32 that sums quads (Q, 4) into their vertices."""
    ones = np.ones(quads.size, np.float32)
    rows, columns = quads.ravel(), np.repeat(np.arange(len(quads)), 4)
    return sparse.csr_matrix((ones, (rows, columns)), shape=(count, len(quads)))


def _fixed(array: np.ndarray) -> np.ndarray:
    """The array, made read-only: the drawer uploads such arrays once."""
    array.flags.writeable = False
    return array


def _bulging(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Which quads (Q, 4) of a mesh have a side that a smooth surface rises above by BULGE."""
    corners = vertices[quads]
    faces = cross_product(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals = np.zeros_like(vertices)
    np.add.at(normals, quads, faces[:, None])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    turned = normals[quads]
    sides = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
    angles = np.linalg.norm(np.roll(turned, -1, axis=1) - turned, axis=2)
    return np.asarray((sides * angles / 8).max(1) > BULGE)


def _reduced_weights(body: BodyData) -> np.ndarray:
    """(V, B) weights of the reduced rig's bones."""
    groups = {
        "wrist.R": "hand",
        **{f"metacarpal{i}.R": "hand" for i in range(1, 5)},
        "lowerarm02.R": "forearm",
        "lowerarm01.R": "elbow",
        "upperarm02.R": "elbow",
        **{f"finger{f}-{j}.R": f"{f}-{j}" for f, j in FINGER_BONES},
    }
    weights = np.zeros((len(body.vertices), len(RIG_BONES)), np.float32)
    for name, target in groups.items():
        weights[:, RIG_BONES.index(target)] += body.weights[:, body.bone_names.index(name)]
    return weights

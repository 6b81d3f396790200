"""Meshes of quads: their triangles and borders, one Catmull-Clark step as a matrix."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def halves(quads: np.ndarray) -> np.ndarray:
    """The triangles (2Q, 3) int32 of quads (Q, 4), the first halves first."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def border(quads: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """The sides (e, 2) of quads (Q, 4) that one quad only has, as they run along it.

    `among` (n,): only those between two of these vertices.
    """
    sides = np.stack([quads, np.roll(quads, -1, 1)], 2).reshape(-1, 2)
    if among is not None:
        sides = sides[among[sides].all(1)]
    ends = np.sort(sides, 1).astype(np.int64)
    # As one number a side: numpy sorts these ten times as fast as rows.
    keys = ends[:, 0] * (ends.max(initial=0) + 1) + ends[:, 1]
    _, first, count = np.unique(keys, return_index=True, return_counts=True)
    return np.asarray(sides[first[count == 1]])


def catmull_clark(
    quads: np.ndarray, count: int, linear: bool = False
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return the matrix (fine, coarse) and the fine quads (4Q, 4) of one subdivision step.

    `linear` leaves the coarse vertices where they are and puts edge points at midpoints (texture
    coordinates).  Boundaries follow the cubic B-spline rule.  Catmull and Clark, 1978.
    """
    edges = np.stack([quads, np.roll(quads, -1, axis=1)], 2).reshape(-1, 2)
    unique, edge_of = np.unique(np.sort(edges, 1), axis=0, return_inverse=True)
    edge_of = edge_of.reshape(-1, 4)
    n_faces, n_edges = len(quads), len(unique)

    def matrix(rows, cols, values, shape):
        return sparse.csr_matrix(
            (np.broadcast_to(values, np.shape(rows)).astype(np.float32), (rows, cols)), shape=shape
        )

    faces = matrix(np.repeat(np.arange(n_faces), 4), quads.ravel(), 0.25, (n_faces, count))
    ends = matrix(np.repeat(np.arange(n_edges), 2), unique.ravel(), 0.5, (n_edges, count))
    if linear:
        return sparse.vstack([sparse.identity(count, np.float32, "csr"), ends, faces]).tocsr(), (
            _fine_quads(quads, edge_of, count, n_edges)
        )
    adjacent = matrix(edge_of.ravel(), np.repeat(np.arange(n_faces), 4), 1.0, (n_edges, n_faces))
    used = np.asarray(adjacent.sum(1)).ravel()
    interior = sparse.diags((used == 2).astype(np.float32))
    outer = sparse.diags((used != 2).astype(np.float32))
    edge_points = interior @ (0.5 * ends + 0.25 * adjacent @ faces) + outer @ ends

    at_faces = matrix(quads.ravel(), np.repeat(np.arange(n_faces), 4), 1.0, (count, n_faces))
    at_edges = matrix(unique.ravel(), np.repeat(np.arange(n_edges), 2), 1.0, (count, n_edges))
    valence = np.maximum(np.asarray(at_edges.sum(1)).ravel(), 1)
    face_valence = np.maximum(np.asarray(at_faces.sum(1)).ravel(), 1)
    on_border = np.asarray(at_edges @ (used != 2).astype(np.float32)).ravel() > 0
    inner = (
        sparse.diags(1 / (valence * face_valence)) @ at_faces @ faces
        + sparse.diags(2 / valence**2) @ at_edges @ ends
        + sparse.diags((valence - 3) / valence)
    )
    rim = 0.5 * sparse.identity(count) + 0.25 * at_edges @ outer @ ends
    points = (
        sparse.diags((~on_border).astype(float)) @ inner
        + sparse.diags(on_border.astype(float)) @ rim
    )
    result = sparse.vstack([points, edge_points, faces]).tocsr().astype(np.float32)
    return result, _fine_quads(quads, edge_of, count, n_edges)


def _fine_quads(quads, edge_of, count, n_edges) -> np.ndarray:
    center = count + n_edges + np.arange(len(quads))
    parts = [
        np.stack([quads[:, i], count + edge_of[:, i], center, count + edge_of[:, i - 1]], 1)
        for i in range(4)
    ]
    return np.concatenate(parts)


def adaptive_triangles(
    fine_quads: np.ndarray, corner: np.ndarray, refined: np.ndarray
) -> np.ndarray:
    """Triangles (t, 3) int32 of a mesh that is subdivided where its coarse quads are `refined`.

    `fine_quads` (4Q, 4) are those of `catmull_clark` and `corner` the same as render vertices.
    Coarse quads beside refined ones take up these ones' edge points, so that no crack opens.
    The triangles of a quad follow each other: drivers keep the last few vertices only.
    """
    # A quarter i of a coarse quad is its corner i, the edge point after it, centre, one before.
    fine = fine_quads.reshape(4, -1, 4).transpose(1, 0, 2)
    drawn = corner.reshape(4, -1, 4).transpose(1, 0, 2)
    split_edge = np.zeros(fine_quads.max() + 1, bool)
    split_edge[fine[refined, :, 1]] = True
    result = []
    for quarters, ids, whole in zip(drawn, fine[:, :, 1], refined, strict=True):
        if whole:
            result.append(quarters[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3))
        elif not split_edge[ids].any():
            result.append(quarters[[[0, 1, 2], [0, 2, 3]], 0])
        else:
            ring = [
                vertex
                for quarter, split in zip(quarters, split_edge[ids], strict=True)
                for vertex in (quarter[:2] if split else quarter[:1])
            ]
            center = np.full(len(ring), quarters[0, 2])
            result.append(np.stack([center, ring, np.roll(ring, -1)], 1))
    return np.concatenate(result).astype(np.int32)

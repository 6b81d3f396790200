"""The hand and forearm of a body: which vertices, which bones, one Catmull-Clark step.

The right arm is cut out of the body's mesh and moved into the *hand frame*: origin at the wrist,
x towards the thumb's side, y along the middle metacarpal, z out of the palm, metres.  A left hand
is the mirror image (x negated).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from .assets import BodyData, load_body
from .shape import Shape, TargetTable, sample_shape
from .vectors import cross

FINGER_BONES = tuple((f, j) for f in range(1, 6) for j in range(1, 4))
BONES: tuple[str, ...] = ("hand", "forearm", "elbow") + tuple(f"{f}-{j}" for f, j in FINGER_BONES)
"""The reduced rig: the palm is rigid; the forearm's twist is shared by two bones."""
HAND, FOREARM, ELBOW = 0, 1, 2
BULGE = 0.0004
"""Coarse quads whose sides cut off more of the surface's curve (m) are subdivided for drawing."""


@dataclass(frozen=True)
class HandTopology:
    """What all bodies share."""

    coarse: np.ndarray
    """(n,) the arm's vertices in the body's mesh."""
    weights: np.ndarray
    """(n, B) float32."""
    subdivide: sparse.csr_matrix
    """(F, n) coarse -> fine vertices."""
    quads: np.ndarray
    """(Q, 4) fine vertex indices."""
    split: np.ndarray
    """(R,) the fine vertex of each render vertex (split at texture seams)."""
    uv: np.ndarray
    """(R, 2) texture coordinates, v down."""
    triangles: np.ndarray
    """(t, 3) int32 render vertex indices: fine triangles where the coarse ones are bent."""
    face_to_vertex: sparse.csr_matrix
    """(F, Q) sums faces into vertices, for normals."""
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
    matrix, fine_quads = catmull_clark(quads, len(coarse))
    uv_matrix, fine_uv_quads = catmull_clark(uv_quads, len(uv_ids), linear=True)
    uv = uv_matrix @ body.uv[uv_ids]
    pairs, inverse = np.unique(
        np.stack([fine_quads.ravel(), fine_uv_quads.ravel()], 1), axis=0, return_inverse=True
    )
    corner = inverse.reshape(-1, 4)
    count = len(fine_quads)
    incidence = sparse.csr_matrix(
        (np.ones(4 * count, np.float32), (fine_quads.ravel(), np.repeat(np.arange(count), 4))),
        shape=(matrix.shape[0], count),
    )
    render_vertex = np.zeros(matrix.shape[0], np.int32)
    render_vertex[pairs[::-1, 0]] = np.arange(len(pairs))[::-1]
    rough = render_vertex[quads]
    reduced = weights[coarse]
    reduced = (reduced / reduced.sum(1, keepdims=True)).astype(np.float32)
    shadow = rough[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)
    shadow.flags.writeable = False
    texture = np.stack([uv[pairs[:, 1], 0], 1 - uv[pairs[:, 1], 1]], 1).astype(np.float32)
    texture.flags.writeable = False
    return HandTopology(
        coarse=coarse,
        weights=reduced,
        subdivide=matrix,
        quads=fine_quads,
        split=pairs[:, 0],
        uv=texture,
        triangles=adaptive_triangles(fine_quads, corner, _bulging(body.vertices[coarse], quads)),
        face_to_vertex=incidence,
        fine_weights=np.asarray(matrix @ reduced, dtype=np.float32),
        shadow_triangles=shadow,
        rough=(render_vertex[: len(coarse)], matrix[pairs[:, 0]]),
    )


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


def _bulging(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Which quads (Q, 4) of a mesh have a side that a smooth surface rises above by BULGE."""
    corners = vertices[quads]
    faces = cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
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
    weights = np.zeros((len(body.vertices), len(BONES)), np.float32)
    for name, target in groups.items():
        weights[:, BONES.index(target)] += body.weights[:, body.bone_names.index(name)]
    return weights


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
    border = sparse.diags((used != 2).astype(np.float32))
    edge_points = interior @ (0.5 * ends + 0.25 * adjacent @ faces) + border @ ends

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
    rim = 0.5 * sparse.identity(count) + 0.25 * at_edges @ border @ ends
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


@dataclass(frozen=True)
class HandShape:
    """One person's right hand at rest, in the hand frame."""

    seed: int
    vertices: np.ndarray
    """(n, 3) float64, coarse."""
    joints: np.ndarray
    """(21, 3) rest keypoints."""
    finger_axes: np.ndarray
    """(5, 3) unit flexion axes at rest; flexion is a positive turn."""
    radii: np.ndarray
    """(5, 4) m, the fingers' thickness at their joints and tip."""
    palm_radius: float
    """Half the palm's thickness, m."""
    elbow: np.ndarray
    """(3,) rest position of the elbow."""
    person: Shape

    @property
    def length(self) -> float:
        """Wrist - middle fingertip along the bones, m."""
        chain = self.joints[[0, 9, 10, 11, 12]]
        return float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())


@lru_cache(maxsize=1)
def _arm_targets() -> TargetTable:
    return TargetTable.of(load_body(), hand_topology().coarse)


@lru_cache(maxsize=800)
def hand_shape(seed: int) -> HandShape:
    """Return the hand of the person of this seed (some milliseconds; kept)."""
    topology = hand_topology()
    person = sample_shape(load_body(), seed)
    points = person.hand_joints().astype(np.float64)
    frame = hand_frame(points)
    origin = points[0]
    vertices = (_arm_targets().at(person.amounts).astype(np.float64) - origin) @ frame.T
    joints = (points - origin) @ frame.T
    axes = np.stack(
        [_flexion_axis(joints[[1 + 4 * f + k for k in range(4)]], f) for f in range(5)]
    )
    radii = _radii(vertices, joints)
    palm = topology.weights[:, HAND] > 0.8
    near = palm & (np.abs(vertices[:, 1] - 0.6 * joints[9, 1]) < 0.2 * joints[9, 1])
    elbow = (person.arm_joints[21].astype(np.float64) - origin) @ frame.T
    thickness = float(np.ptp(vertices[near, 2])) / 2 if near.any() else 0.013
    return HandShape(seed, vertices, joints, axes, radii, thickness, elbow, person)


def hand_frame(points: np.ndarray) -> np.ndarray:
    """Return the rotation (rows x, y, z) into the frame of a right hand's keypoints (21, 3)."""
    y = points[9] - points[0]
    y = y / np.linalg.norm(y)
    z = cross(points[5] - points[0], points[17] - points[0])
    x = cross(y, z)
    x = x / np.linalg.norm(x)
    return np.stack([x, y, cross(x, y)])


def _flexion_axis(chain: np.ndarray, finger: int) -> np.ndarray:
    """The axis about which a finger bends, from its resting curl and, for steadiness, geometry."""
    bones = np.diff(chain, axis=0)
    if finger == 0:
        axis = cross(bones[1], bones[2])
        axis /= np.linalg.norm(axis)
        axis = axis + 0.5 * np.array([-0.1, -0.55, 0.8])
    else:
        axis = cross(bones[0], bones[2])
        axis /= np.linalg.norm(axis)
        axis = axis + np.array([1.0, 0.0, 0.0])
    direction = bones[1] / np.linalg.norm(bones[1])
    axis = axis - direction * (axis @ direction)
    return axis / np.linalg.norm(axis)


@lru_cache(maxsize=1)
def _own_vertices() -> tuple[np.ndarray, np.ndarray]:
    """The coarse vertices that are mostly a finger bone's own: whose (m,), and which (m,)."""
    bone, vertex = np.nonzero(hand_topology().weights[:, 3:].T > 0.6)
    return bone, vertex


def _radii(vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Median distance of the skin from the bones, per finger bone; the tip repeats the last."""
    radii = np.full((5, 4), 0.008)
    bone, mine = _own_vertices()
    chains = joints[1:].reshape(5, 4, 3)
    start, along = chains[:, :3].reshape(-1, 3), np.diff(chains, axis=1).reshape(-1, 3)
    offset = vertices[mine] - start[bone]
    t = np.einsum("ij,ij->i", offset, along[bone]) / (along**2).sum(1)[bone]
    across = offset - t[:, None] * along[bone]
    distance = np.sqrt(np.einsum("ij,ij->i", across, across))
    distance, bone = distance[(t > 0) & (t < 1)], bone[(t > 0) & (t < 1)]
    # Sorted by bone, then by distance: the middle of each run is its median.
    distance = distance[np.lexsort((distance, bone))]
    count = np.bincount(bone, minlength=15)
    first = np.cumsum(count) - count
    for number in np.flatnonzero(count):
        n, begin = count[number], first[number]
        median = 0.5 * (distance[begin + (n - 1) // 2] + distance[begin + n // 2])
        radii[number // 3, number % 3] = median
    radii[:, 3] = radii[:, 2]
    return radii

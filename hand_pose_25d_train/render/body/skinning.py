"""Dual-quaternion skinning of the coarse hand, then one subdivision step.

Dual quaternions keep the volume of bent joints, which linear blending thins (Kavan et al.,
"Geometric Skinning with Approximate Dual Quaternion Blending", ACM TOG 2008).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.body.rig import HandShape
from hand_pose_25d_train.render.body.topology import ELBOW, FOREARM, RIG_BONES, hand_topology
from hand_pose_25d_train.render.vectors import cross_product

_PARENTS = {FOREARM: 0, ELBOW: FOREARM, **{3 + 3 * f: 0 for f in range(5)}}


def skin(
    shape: HandShape,
    rotations: np.ndarray,
    joints: np.ndarray,
    wrist: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> np.ndarray:
    """Return the fine vertices (F, 3) in the hand frame.

    `rotations` (5, 3, 3, 3) and `joints` (21, 3) are one pose of `kinematics.forward`; `wrist` is
    the forearm's flexion, deviation and twist against the hand, radians.
    """
    topology = hand_topology()
    rotation, shift = bone_transforms(shape, rotations, joints, wrist)
    vertices = blend_vertices(shape.vertices, topology.weights, rotation, shift, _PARENTS)
    return topology.subdivide @ vertices.astype(np.float32)


def blend_vertices(
    vertices: np.ndarray,
    weights: np.ndarray,
    rotation: np.ndarray,
    shift: np.ndarray,
    parents: dict[int, int] | None = None,
) -> np.ndarray:
    """Skin vertices (n, 3) with weights (n, B) by rotations (B, 3, 3) and translations (B, 3).

    A bone's parent is the one listed before it, unless `parents` says otherwise.
    """
    dual = _dual_quaternions(rotation, shift, parents)
    blended = weights @ dual.astype(np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", blended[:, :4], blended[:, :4]))
    blended = blended / np.maximum(length, np.float32(1e-6))[:, None]
    real, moved = blended[:, :4], blended[:, 4:]
    return _rotate(real, np.asarray(vertices, np.float32)) + 2 * _translation(real, moved)


def bone_transforms(shape, rotations, joints, wrist) -> tuple[np.ndarray, np.ndarray]:
    """Return rotations (B, 3, 3) and translations (B, 3): x -> R x + t, for every bone."""
    rotation = np.tile(np.eye(3), (len(RIG_BONES), 1, 1))
    shift = np.zeros((len(RIG_BONES), 3))
    flexion, deviation, twist = wrist
    swing = axis_angle(np.array([1.0, 0, 0]), -flexion) @ axis_angle(
        np.array([0, 0, 1.0]), deviation
    )
    along = shape.elbow / np.linalg.norm(shape.elbow)
    rotation[FOREARM] = swing @ axis_angle(along, 0.5 * twist)
    rotation[ELBOW] = swing @ axis_angle(along, twist)
    for f in range(5):
        for j in range(3):
            bone = 3 + 3 * f + j
            rotation[bone] = rotations[f, j]
            start = 1 + 4 * f + j
            shift[bone] = joints[start] - rotations[f, j] @ shape.joints[start]
    return rotation, shift


def vertex_normals(vertices: np.ndarray) -> np.ndarray:
    """Return unit normals (F, 3) of the fine vertices (F, 3), from the coarse quads among them."""
    topology = hand_topology()
    coarse = topology.face_to_vertex @ _face_normals(vertices, topology.quads)
    return _unit(topology.spread_normals @ _unit(coarse))


def normals_of(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Return unit normals (n, 3) of any mesh of quads (q, 4)."""
    faces = _face_normals(vertices, quads)
    flat = np.repeat(faces, 4, axis=0)
    index = quads.ravel()
    normals = np.stack(
        [np.bincount(index, weights=flat[:, k], minlength=len(vertices)) for k in range(3)], 1
    )
    return _unit(normals)


def _face_normals(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    a, b, c, d = (vertices.take(quads[:, i], 0) for i in range(4))
    return cross_product(c - a, d - b)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.asarray(vectors / np.maximum(length, 1e-12)[:, None])


def _dual_quaternions(
    rotation: np.ndarray, shift: np.ndarray, parents: dict[int, int] | None = None
) -> np.ndarray:
    """(B, 8) unit dual quaternions, every real part in the hemisphere of the identity's chain."""
    quaternion = Rotation.from_matrix(rotation).as_quat()[:, [3, 0, 1, 2]]  # w first
    # Follow the chains, so that no neighbours end up in opposite hemispheres: bones are listed
    # from the trunk outwards, three to a finger.
    for bone in range(1, len(quaternion)):
        parent = (parents or {}).get(bone, bone - 1)
        if quaternion[bone] @ quaternion[parent] < 0:
            quaternion[bone] *= -1
    w, x, y, z = quaternion.T
    tx, ty, tz = shift.T
    dual = 0.5 * np.stack(
        [
            -tx * x - ty * y - tz * z,
            tx * w + ty * z - tz * y,
            -tx * z + ty * w + tz * x,
            tx * y - ty * x + tz * w,
        ],
        1,
    )
    return np.concatenate([quaternion, dual], 1)


def _rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    w, u = q[:, :1], q[:, 1:]
    t = 2 * cross_product(u, v)
    return v + w * t + cross_product(u, t)


def _translation(real: np.ndarray, dual: np.ndarray) -> np.ndarray:
    """The vector part of dual * conjugate(real) (half the translation)."""
    return (
        -dual[:, :1] * real[:, 1:]
        + real[:, :1] * dual[:, 1:]
        - cross_product(dual[:, 1:], real[:, 1:])
    )

"""Skin folds: creases inside bent finger joints, wrinkles on the backs of straight ones.

Each vertex near a joint knows how far along the finger it lies from the crease; the shader draws
lines there.  How strong they are follows the joint's angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.rig import HandShape, hand_shape
from hand_pose_25d_train.render.body.topology import RIG_BONES, hand_topology
from hand_pose_25d_train.render.vectors import cross_product

REACH = 0.0065
"""Lines fade out this far (m) from a crease."""
CREASES: tuple[tuple[int, int, float, int], ...] = (
    # finger, bone, where along the bone, and the angle that drives it (a column of the pose)
    *((f, 1, 0.45, 0) for f in (2, 3, 4, 5)),  # the finger's root lies beyond its knuckle
    *((f, 2, 0.0, 2) for f in (2, 3, 4, 5)),
    *((f, 3, 0.0, 3) for f in (2, 3, 4, 5)),
    (1, 2, 0.0, 3),
    (1, 3, 0.0, 4),
)


@dataclass(frozen=True)
class _Folds:
    """What of the folds depends on the person only."""

    along: np.ndarray
    """(R,) mm from the nearest crease along the finger, render vertices."""
    crease: np.ndarray
    """(n,) the number of the crease, coarse vertices."""
    inside: np.ndarray
    """(n,) weights of the lines on the palm's side."""
    back: np.ndarray
    """(n,) weights of the wrinkles on the back."""


@lru_cache(maxsize=1)
def _about_creases() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coarse vertices about creases: which crease (m,), which vertex (m,), and how far (m,) that
    belongs to the crease's bones; a vertex between two creases is listed twice."""
    weights = hand_topology().weights
    own = [
        [RIG_BONES.index(f"{f}-{k}") for k in range(max(j - 1, 1), j + 1)]
        for f, j, _, _ in CREASES
    ]
    share = np.stack([weights[:, columns].sum(1).clip(0, 1) for columns in own])
    crease, vertex = np.nonzero(share > 0.02)
    return crease, vertex, share[crease, vertex]


@lru_cache(maxsize=800)
def _folds(seed: int) -> _Folds:
    shape, topology = hand_shape(seed), hand_topology()
    crease, vertex, share = _about_creases()
    finger, joint, place, _ = np.array(CREASES).T
    root = 4 * finger.astype(int) - 4 + joint.astype(int)
    bone = shape.joints[root + 1] - shape.joints[root]
    before = np.where(joint[:, None] > 1, shape.joints[root] - shape.joints[root - 1], bone)
    axis = _unit(_unit(bone) + _unit(before))
    palmar = cross_product(shape.finger_axes[finger.astype(int) - 1], axis)
    start = shape.joints[root] + place[:, None] * bone
    offset = shape.vertices[vertex] - start[crease]
    t = np.einsum("ij,ij->i", offset, axis[crease])
    around = offset - t[:, None] * axis[crease]
    side = np.einsum("ij,ij->i", _unit(around), palmar[crease])
    window = np.clip(1 - (t / REACH) ** 2, 0, 1) ** 2 * share
    count = len(shape.vertices)
    distance = np.full((len(CREASES), count), np.inf)
    distance[crease, vertex] = np.abs(t)
    nearest = distance.argmin(0)
    own = nearest[vertex] == crease
    mine = vertex[own]
    along, inside, back = np.full(count, 1.0), np.zeros(count), np.zeros(count)
    along[mine] = t[own]
    inside[mine] = (window * np.clip(side * 1.6 - 0.1, 0, 1))[own]
    back[mine] = (window * np.clip(-side * 1.6 - 0.3, 0, 1) * (joint[crease] > 1))[own]
    spread = topology.rough[1]
    return _Folds(
        (spread @ (along.clip(-0.02, 0.02) * 1000)).astype(np.float32), nearest, inside, back
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.asarray(vectors / np.maximum(length, 1e-9)[:, None])


def folds(shape: HandShape, angles: np.ndarray) -> np.ndarray:
    """Place and strength (R, 2) float32 of the folds at a hand's render vertices.

    The place is in mm along the finger from the nearest crease, the strength at most 1; `angles`
    (5, 5) rad are the pose's (see kinematics).
    """
    person = _folds(shape.seed)
    bent = np.array([angles[f - 1, column] for f, _, _, column in CREASES]).clip(0, 1.4)
    deep = 0.3 + 0.7 * (bent / 1.0).clip(0, 1)
    wrinkled = 0.55 * (1 - bent / 0.9).clip(0, 1)
    strength = person.inside * deep[person.crease] + person.back * wrinkled[person.crease]
    spread = hand_topology().rough[1]
    return np.stack([person.along, spread @ strength.astype(np.float32)], 1)

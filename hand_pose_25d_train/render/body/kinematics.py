"""Joint angles -> joints and bone rotations, for many candidate poses at once.

A pose is an array of angles (5, 5) in radians, one row a finger:
index ... little: MCP flexion, MCP spread (positive towards the thumb), PIP, DIP, unused;
thumb: radial angle (in the palm's plane, from the fingers' direction towards the thumb's side),
palmar angle (out of the palm's plane), twist about the metacarpal, MCP, IP.
Zero flexion is a straight finger in line with its metacarpal; the rest pose's own angles are
taken off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.rig import HandShape, hand_shape
from hand_pose_25d_train.render.vectors import cross_product


def axis_angle(axis: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """Rotation matrices (..., 3, 3) about unit axes (..., 3) by angles (...)."""
    if np.ndim(angle) == 0 and np.ndim(axis) == 1:
        return _one_rotation(axis, float(angle))
    axis, angle = np.broadcast_arrays(axis, np.asarray(angle)[..., None])
    x, y, z = np.moveaxis(axis, -1, 0)
    c, s = np.cos(angle[..., 0]), np.sin(angle[..., 0])
    t = 1 - c
    return np.stack(
        [
            np.stack([c + t * x * x, t * x * y - s * z, t * x * z + s * y], -1),
            np.stack([t * x * y + s * z, c + t * y * y, t * y * z - s * x], -1),
            np.stack([t * x * z - s * y, t * y * z + s * x, c + t * z * z], -1),
        ],
        -2,
    )


def _one_rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = (float(v) for v in axis)
    c, s = math.cos(angle), math.sin(angle)
    t = 1 - c
    return np.array(
        [
            [c + t * x * x, t * x * y - s * z, t * x * z + s * y],
            [t * x * y + s * z, c + t * y * y, t * y * z - s * x],
            [t * x * z - s * y, t * y * z + s * x, c + t * z * z],
        ]
    )


@dataclass(frozen=True)
class _Chains:
    """What of the rest hand the kinematics needs, per finger."""

    starts: np.ndarray
    """(5, 3) the fingers' roots."""
    bones: np.ndarray
    """(5, 3, 3) rest bone vectors."""
    cross: np.ndarray
    """(5, 4, 3, 3) cross-product matrices of the axes of MCP, spread, PIP, DIP (thumb: twist, -,
    MCP, IP)."""
    square: np.ndarray
    """(5, 4, 3, 3) their squares."""
    rest: np.ndarray
    """(5, 4) the rest hand's own angles."""
    facing: np.ndarray
    """(5, 3) where the fingertips' pads face at rest."""


@lru_cache(maxsize=800)
def _chains(seed: int) -> _Chains:
    shape = hand_shape(seed)
    points = shape.joints[1:].reshape(5, 4, 3)
    bones = np.diff(points, axis=1)
    axes = np.zeros((5, 4, 3))
    rest = np.zeros((5, 4))
    axis = shape.finger_axes
    first = bones[:, 0] / np.linalg.norm(bones[:, 0], axis=1, keepdims=True)
    axes[:, 0], axes[:, 2], axes[:, 3] = axis, axis, axis
    dorsal = cross_product(first, axis)
    axes[:, 1] = dorsal / np.linalg.norm(dorsal, axis=1, keepdims=True)
    axes[0, 0], axes[0, 1] = first[0], axis[0]
    # A finger is straight when it continues the palm's direction, tilted by its place.
    fan = points[:, 0] * [1.6, 1.0, 0.0]
    base = np.array([0.0, 1.0, 0.0]) + 0.25 * fan / np.linalg.norm(fan, axis=1, keepdims=True)
    rest[1:, 0] = _signed(base, bones[:, 0], axis)[1:]
    rest[:, 2] = _signed(bones[:, 0], bones[:, 1], axis)
    rest[:, 3] = _signed(bones[:, 1], bones[:, 2], axis)
    x, y, z = np.moveaxis(axes, -1, 0)
    o = np.zeros_like(x)
    matrix = np.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(5, 4, 3, 3)
    facing = cross_product(shape.finger_axes, bones[:, 2])
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    return _Chains(points[:, 0], bones, matrix, matrix @ matrix, rest, facing)


def forward(
    shape: HandShape, angles: np.ndarray, moving: Sequence[int] = (0, 1, 2, 3, 4)
) -> tuple[np.ndarray, np.ndarray]:
    """Pose N hands: angles (N, 5, 5) -> joints (N, 21, 3) m and rotations (N, 5, 3, 3, 3).

    `rotations[n, f, j]` rotates the rest hand's bone j of finger f into its place (hand frame).
    Fingers that are not `moving` have the angles of the first hand in all of them (a saving).
    """
    angles = np.asarray(angles, dtype=np.float64)
    joints = np.zeros((len(angles), 21, 3))
    rotations = np.empty((len(angles), 5, 3, 3, 3))
    if len(moving) == 5:
        _pose_fingers(_chains(shape.seed), angles, slice(0, 5), joints, rotations)
        return joints, rotations
    moving = list(moving)
    still = [f for f in range(5) if f not in moving]
    _pose_fingers(_chains(shape.seed), angles, moving, joints, rotations)
    if still:
        _pose_fingers(_chains(shape.seed), angles[:1], still, joints, rotations)
    return joints, rotations


_EYE = np.eye(3)


def _pose_fingers(chains: _Chains, angles, fingers: list[int] | slice, joints, rotations) -> None:
    rest = chains.rest[fingers]
    angle = angles[:, fingers, :4] - rest
    with_thumb = fingers == slice(0, 5) or (isinstance(fingers, list) and fingers[0] == 0)
    if with_thumb:
        angle[:, 0] = angles[:, 0, [2, 2, 3, 4]] - rest[0]
        angle[:, 0, 1] = 0.0
    sine, cosine = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    single = sine * chains.cross[fingers] + (1 - cosine) * chains.square[fingers] + _EYE
    first = (
        single[:, :, 0] @ single[:, :, 1]
    )  # spread, about the dorsal axis, comes before flexion
    if with_thumb:
        radial, palmar = angles[:, 0, 0], angles[:, 0, 1]
        target = np.stack(
            [np.cos(palmar) * np.sin(radial), np.cos(palmar) * np.cos(radial), np.sin(palmar)], 1
        )
        bone = chains.bones[0, 0]
        first[:, 0] = _swing(bone / np.linalg.norm(bone), target) @ single[:, 0, 0]
    second = first @ single[:, :, 2]
    point = chains.starts[fingers]
    chain = joints[:, 1:].reshape(-1, 5, 4, 3)  # a view
    chain[:, fingers, 0] = point
    for j, rotation in enumerate((first, second, second @ single[:, :, 3])):
        rotations[:, fingers, j] = rotation
        point = point + (rotation @ chains.bones[fingers, j][..., None])[..., 0]
        chain[:, fingers, 1 + j] = point


def _swing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotations (N, 3, 3) that rotate the unit vector a (3,) into b (N, 3)."""
    v = cross_product(a, b)
    o = np.zeros(len(b))
    matrix = np.stack(
        [o, -v[:, 2], v[:, 1], v[:, 2], o, -v[:, 0], -v[:, 1], v[:, 0], o], -1
    ).reshape(-1, 3, 3)
    # 1 + cosine stays away from 0: no thumb rotates by half a circle.
    return _EYE + matrix + matrix @ matrix / (1 + b @ a)[:, None, None]


def thumbs(shape: HandShape, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pose N thumbs by angles (N, 5) rad: joints (N, 4, 3) m and where the pads face (N, 3).

    As `forward` and `pads` do, at a fifth of the cost: it rotates vectors and makes no matrices.
    """
    chains = _chains(shape.seed)
    angle = angles[:, [2, 3, 4]] - chains.rest[0, [0, 2, 3]]
    sine, cosine = np.sin(angle), 1 - np.cos(angle)

    def rotated(vectors: np.ndarray, joint: int) -> np.ndarray:
        # The joint's axis: 0 twist, 1 MCP, 2 IP; vectors (3,) or (N, 3).
        column = (0, 2, 3)[joint]
        s, c = sine[:, joint, None], cosine[:, joint, None]
        across, square = chains.cross[0, column].T, chains.square[0, column].T
        return np.asarray(vectors + s * (vectors @ across) + c * (vectors @ square))

    bones = chains.bones[0]
    radial, palmar = angles[:, 0], angles[:, 1]
    flat = np.cos(palmar)
    target = np.stack([flat * np.sin(radial), flat * np.cos(radial), np.sin(palmar)], 1)
    start = bones[0] / np.linalg.norm(bones[0])
    axis = cross_product(start, target)
    scale = 1 / (1 + target @ start)[:, None]

    def placed(part: np.ndarray) -> np.ndarray:
        part = rotated(part, 0)
        once = cross_product(axis, part)
        return np.asarray(part + once + cross_product(axis, once) * scale)

    parts = bones[0], rotated(bones[1], 1), rotated(rotated(bones[2], 2), 1)
    steps = [np.broadcast_to(chains.starts[0], target.shape), *map(placed, parts)]
    facing = placed(rotated(rotated(chains.facing[0], 2), 1))
    return np.cumsum(np.stack(steps, 1), axis=1), facing


def pads(
    shape: HandShape, joints: np.ndarray, rotations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres (N, 5, 3) of the fingertips' pads and the directions they face."""
    facing = (rotations[:, :, 2] @ _chains(shape.seed).facing[..., None])[..., 0]
    tips = joints[:, 4::4]
    before = joints[:, 3::4]
    centre = tips + 0.22 * (before - tips)
    return centre + facing * shape.radii[None, :, 3, None], facing


def _signed(a: np.ndarray, b: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The angles (n,) from a to b about the axes, (n, 3) each."""
    sine = (cross_product(a, b) * axis).sum(1)
    cosine = (a * b).sum(1) - (a * axis).sum(1) * (b * axis).sum(1)
    return np.asarray(np.arctan2(sine, cosine))

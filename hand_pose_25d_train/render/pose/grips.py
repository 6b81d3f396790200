"""Hands that use things, in the grips that people use.

A pen is held between three fingers, a knife or fork with the index along its back, a handle in the
fist, a phone on the fingers.
"""

from __future__ import annotations

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle, forward, pads
from hand_pose_25d_train.render.body.rig import HandShape
from hand_pose_25d_train.render.pose import thumb
from hand_pose_25d_train.render.pose.fingers import curl
from hand_pose_25d_train.render.pose.grasp import grasp
from hand_pose_25d_train.render.pose.pose import HandPoseSample, make, sample_wrist
from hand_pose_25d_train.render.pose.utensils import (
    HANDLES,
    NECK,
    UTENSILS,
    Utensil,
    half_extents,
    lay,
)
from hand_pose_25d_train.render.shares import draw_kind
from hand_pose_25d_train.render.vectors import cross_product

GRIPS: dict[str, dict[str, float]] = {
    "fork": {"along": 0.4, "three": 0.4, "fist": 0.2},
    "knife": {"along": 0.6, "fist": 0.4},
    "spoon": {"three": 0.75, "fist": 0.25},
    "screwdriver": {"fist": 1.0},
    "hammer": {"fist": 1.0},
    "pen": {"three": 1.0},
    "phone": {"palm": 1.0},
}
"""Share of each grip of a kind."""
_DEGREE = np.pi / 180

_Gripping = tuple[np.ndarray, Utensil]
"""The angles (5, 5) of a hand, and what it holds."""


def sample_use(
    shape: HandShape, rng: np.random.Generator, name: str | None = None, grip: str | None = None
) -> HandPoseSample:
    """Draw a hand that uses a utensil: one of UTENSILS, in one of its GRIPS, or any."""
    name = name or draw_kind(UTENSILS, rng)
    grip = grip or draw_kind(GRIPS[name], rng)
    angles, held = {"along": _along, "three": _three, "fist": _fist, "palm": _palm}[grip](
        shape, name, rng
    )
    return make(shape, angles, sample_wrist(rng), grip, held)


def _frame(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) whose y is `along`, its z near to `across`."""
    y = along / np.linalg.norm(along)
    z = across - y * (across @ y)
    z /= np.linalg.norm(z)
    return np.stack([cross_product(y, z), y, z], 1)


def _fist(shape: HandShape, name: str, rng: np.random.Generator) -> _Gripping:
    """The handle lies across the palm, under all fingers; its tip on the thumb's side mostly."""
    half = half_extents(name, rng)
    thickness = half[2] * HANDLES[name][1]
    tip = 1.0 if rng.random() < 0.75 else -1.0
    lean = rng.normal(0.25, 0.2)
    along = tip * np.array([np.cos(lean), np.sin(lean), 0.0])
    rotation = _frame(along, np.array([0, 0, rng.choice([-1.0, 1.0])]))
    y = shape.joints[9, 1] * rng.uniform(0.85, 1.0)
    middle = np.array([rng.normal(0.005, 0.008), y, shape.palm_radius * 0.9 + thickness])
    at = -half[1] * rng.uniform(0.35, 0.6)
    held = lay(name, half, rotation, middle, at)
    return grasp(shape, held, rng), held


def _palm(shape: HandShape, name: str, rng: np.random.Generator) -> _Gripping:
    """A phone on the palm and the fingers, which reach round its far edge; the thumb on top."""
    half = half_extents(name, rng)
    lean = rng.uniform(0.05, 0.6)
    along = np.array([np.cos(lean), np.sin(lean), rng.normal(0, 0.1)])
    rotation = _frame(along, np.array([0, rng.normal(0, 0.1), 1.0]))
    knuckle, joint = shape.joints[9, 1], shape.joints[10, 1]
    edge = knuckle + (joint - knuckle) * rng.uniform(0.35, 0.95)
    back = shape.palm_radius * 0.9 + rng.uniform(0.003, 0.014)
    middle = np.array([rng.uniform(0.0, 0.01), edge - half[0], back + half[2]])
    at = -half[1] * rng.uniform(0.0, 0.5)
    thumb_at = middle + [0.01, -0.2 * half[0], 0]
    held = lay(name, half, rotation, middle, at, thumb_at)
    return grasp(shape, held, rng), held


def _along(shape: HandShape, name: str, rng: np.random.Generator) -> _Gripping:
    """The index lies on the back of a knife or fork, whose end is in the palm."""
    half = half_extents(name, rng)
    breadth, thickness = half[0] * HANDLES[name][0], half[2] * HANDLES[name][1]
    index = np.array([rng.uniform(12, 38), rng.normal(0, 4), rng.uniform(15, 45), 0, 0]) * _DEGREE
    index[3] = index[2] * rng.uniform(0.1, 0.5)
    angles = np.zeros((5, 5))
    angles[1] = index
    joints, rotations = forward(shape, angles[None])
    centre, facing = pads(shape, joints, rotations)
    # A fork's back is its flat side, a knife's its edge.
    depth = breadth if name == "knife" else thickness
    front = centre[0, 1] + facing[0, 1] * depth
    heel = 0.55 * shape.joints[0] + 0.45 * shape.joints[rng.choice([13, 17])]
    heel = heel + [0, 0, 0.9 * shape.palm_radius + depth]
    along = front - heel
    side = cross_product(along, facing[0, 1])
    side /= np.linalg.norm(side)
    rotation = _frame(along, side if name == "knife" else -facing[0, 1])
    beside = side if side[0] > 0 else -side
    thumb_at = heel + 0.8 * along + beside * (thickness if name == "knife" else breadth)
    # The index ends where the handle does.
    at = NECK * half[1] - rng.uniform(0, 0.015) - float(np.linalg.norm(along))
    held = lay(name, half, rotation, heel, at, thumb_at)
    angles = grasp(shape, held, rng, index)
    return thumb.reach_with_thumb(
        shape, angles, thumb_at, -beside, rng, 0.006, held.distance
    ), held


def _three(shape: HandShape, name: str, rng: np.random.Generator) -> _Gripping:
    """Between the pads of thumb and index, on the middle finger's side, leaning on the knuckle."""
    half = half_extents(name, rng)
    radius = half[0] if name == "pen" else max(0.0018, half[2] * HANDLES[name][1])
    bent = rng.uniform(0.55, 0.85)
    angles = np.zeros((5, 5))
    angles[1:] = curl(np.array([bent, bent, bent + 0.08, bent + 0.12]), rng, 4)
    web = rng.uniform(0.1, 0.45)

    def line(joints: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A point (N, 3) of the axis, between the pads, and its direction to the knuckle."""
        beside = joints[:, 5] + (0.8 * shape.palm_radius + radius) * np.array([1.0, 0, 0.2])
        rest = (1 - web) * beside + web * joints[:, 2]
        point = (centre[:, 0] + centre[:, 1]) / 2
        along = rest - point
        return point, along / np.linalg.norm(along, axis=1, keepdims=True)

    def cost(candidates: np.ndarray) -> np.ndarray:
        joints, rotations = forward(shape, candidates, (0, 1, 2))
        centre, facing = pads(shape, joints, rotations)
        point, along = line(joints, centre)

        def away(points: np.ndarray) -> np.ndarray:
            """From the axis to points (N, k, 3)."""
            offset = points - point[:, None]
            return offset - (offset @ along[:, :, None]) * along[:, None]

        out = away(centre[:, :2])
        gaps = np.linalg.norm(out, axis=-1)
        outward = (out * facing[:, :2]).sum(-1) / np.maximum(gaps, 1e-6)
        slipped = np.abs(((centre[:, 0] - centre[:, 1]) * along).sum(1))
        below = 0.4 * joints[:, 11] + 0.6 * joints[:, 12]
        support = np.linalg.norm(away(below[:, None]), axis=-1)[:, 0] - radius - shape.radii[2, 3]
        points, radii = thumb.flesh(shape, joints)
        inner, inner_radii = thumb.thumb_points(shape, joints)
        everything = np.concatenate([points, inner[:, 1:]], 1)
        room = np.linalg.norm(away(everything), axis=-1) - radius
        sunk = np.maximum(0.85 * np.concatenate([radii, inner_radii[1:]]) - room, 0)
        return np.asarray(
            np.abs(gaps - radius).sum(1)
            + 0.004 * (1 + outward).sum(1)
            + 0.4 * np.maximum(slipped - 0.006, 0)
            + 0.7 * np.abs(support)
            + 0.5 * sunk.sum(1)
            + 0.5 * thumb.penetration(shape, joints, 1)
        )

    angles = thumb.search_angles(angles, cost, rng, [0, 1, 2])
    bend = angles[2, [0, 2, 3]]
    for finger, more in ((3, 0.08), (4, 0.14)):
        angles[finger, [0, 2, 3]] = np.minimum(bend + more + rng.normal(0, 0.04, 3), 1.8)
    joints, rotations = forward(shape, angles[None])
    centre, _ = pads(shape, joints, rotations)
    point, along = (part[0] for part in line(joints, centre))
    between = centre[0, 0] - centre[0, 1]
    if name == "pen":  # its tip is the lower end
        at = half[1] - rng.uniform(0.02, 0.04)
        return angles, lay(name, half, _frame(-along, between), point, at)
    twist = axis_angle(along, rng.normal(0, 0.25))
    rotation = twist @ _frame(-along, between)
    return angles, lay(name, half, rotation, point, -half[1] * rng.uniform(-0.1, 0.35))

"""Hands that use a fork, a knife, a spoon, a pen or a phone: where it lies, and how it is held.

Frame of a utensil: y along it, its handle's end at -1 and its tip at 1 of its half extents; x is
its breadth, z its thickness.  A pen is held between three fingers, a knife or fork with the index
along its back, a handle in the fist, a phone on the fingers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle, forward, pads
from hand_pose_25d_train.render.body.rig import HandShape
from hand_pose_25d_train.render.pose import thumb
from hand_pose_25d_train.render.pose.fingers import curl
from hand_pose_25d_train.render.pose.grasp import Held, box_distance, grasp
from hand_pose_25d_train.render.pose.pose import HandPoseSample, make, sample_wrist
from hand_pose_25d_train.render.shares import draw_kind
from hand_pose_25d_train.render.vectors import cross_product

USE_STREAM = 808
"""The stream that says in which pictures utensils are held, see `shares.asked`."""
UTENSILS: dict[str, float] = {"fork": 0.2, "knife": 0.2, "spoon": 0.2, "pen": 0.2, "phone": 0.2}
"""Share of each kind."""
GRIPS: dict[str, dict[str, float]] = {
    "fork": {"along": 0.4, "three": 0.4, "fist": 0.2},
    "knife": {"along": 0.6, "fist": 0.4},
    "spoon": {"three": 0.75, "fist": 0.25},
    "pen": {"three": 1.0},
    "phone": {"palm": 1.0},
}
"""Share of each grip of a kind."""
NECK = 0.3
"""Where handles of cutlery end, from -1 to 1 along it."""
HANDLES: dict[str, tuple[float, float]] = {
    "fork": (0.5, 0.3),
    "knife": (0.8, 1.0),
    "spoon": (0.35, 0.3),
}
"""Breadth and thickness of handles, of the whole's."""
_DEGREE = np.pi / 180
_SIZES: dict[str, tuple[tuple[float, float], ...]] = {
    "fork": ((0.011, 0.014), (0.09, 0.105), (0.005, 0.008)),
    "knife": ((0.009, 0.016), (0.1, 0.13), (0.0025, 0.006)),
    "spoon": ((0.014, 0.021), (0.07, 0.105), (0.005, 0.008)),
    "phone": ((0.033, 0.039), (0.067, 0.082), (0.0035, 0.0055)),
}
"""Ranges (m) of the half extents."""


@dataclass(frozen=True)
class Utensil(Held):
    """A thing that is held by a part of it, in the frame of the (right) hand."""

    name: str
    """One of UTENSILS."""
    handle: np.ndarray
    """(3,) half extents of that part, m."""
    along: float
    """Where on the utensil's y its middle is, m."""
    thumb_at: np.ndarray
    """(3,) m."""

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distances (...) m of points (..., 3) from the handle, negative inside."""
        local = (points - self.center) @ self.rotation - np.array([0, self.along, 0])
        return box_distance(local, self.handle)

    @property
    def touched(self) -> np.ndarray:
        """About where (3,) the thumb holds it, m."""
        return self.thumb_at


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


def _half(name: str, rng: np.random.Generator) -> np.ndarray:
    if name == "pen":
        r = rng.uniform(0.003, 0.006)
        return np.array([r, rng.uniform(0.06, 0.08), r])
    return np.array([rng.uniform(*bounds) for bounds in _SIZES[name]])


def _utensil(
    name: str, half: np.ndarray, rotation: np.ndarray, point: np.ndarray, at: float, thumb_at=None
) -> Utensil:
    """The utensil whose axis passes a point (3,) at a place (m) of its own y."""
    kind = {"pen": "can", "phone": "box"}.get(name, name)
    center = point - rotation[:, 1] * at
    handle, along = half, 0.0
    if name in HANDLES:
        breadth, thickness = HANDLES[name]
        length = half[1] * (NECK + 1) / 2
        handle = np.array([half[0] * breadth, length, half[2] * thickness])
        along = float(length - half[1])
    thumb_at = point if thumb_at is None else thumb_at
    return Utensil(kind, half, rotation, center, name, handle, along, np.asarray(thumb_at))


def _frame(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) whose y is `along`, its z near to `across`."""
    y = along / np.linalg.norm(along)
    z = across - y * (across @ y)
    z /= np.linalg.norm(z)
    return np.stack([cross_product(y, z), y, z], 1)


def _fist(shape: HandShape, name: str, rng: np.random.Generator) -> tuple[np.ndarray, Utensil]:
    """The handle lies across the palm, under all fingers; its tip on the thumb's side mostly."""
    half = _half(name, rng)
    thickness = half[2] * HANDLES[name][1]
    tip = 1.0 if rng.random() < 0.75 else -1.0
    lean = rng.normal(0.25, 0.2)
    along = tip * np.array([np.cos(lean), np.sin(lean), 0.0])
    rotation = _frame(along, np.array([0, 0, rng.choice([-1.0, 1.0])]))
    y = shape.joints[9, 1] * rng.uniform(0.85, 1.0)
    middle = np.array([rng.normal(0.005, 0.008), y, shape.palm_radius * 0.9 + thickness])
    at = -half[1] * rng.uniform(0.35, 0.6)
    held = _utensil(name, half, rotation, middle, at)
    return grasp(shape, held, rng), held


def _palm(shape: HandShape, name: str, rng: np.random.Generator) -> tuple[np.ndarray, Utensil]:
    """A phone on the palm and the fingers, which reach round its far edge; the thumb on top."""
    half = _half(name, rng)
    lean = rng.uniform(0.05, 0.6)
    along = np.array([np.cos(lean), np.sin(lean), rng.normal(0, 0.1)])
    rotation = _frame(along, np.array([0, rng.normal(0, 0.1), 1.0]))
    knuckle, joint = shape.joints[9, 1], shape.joints[10, 1]
    edge = knuckle + (joint - knuckle) * rng.uniform(0.35, 0.95)
    back = shape.palm_radius * 0.9 + rng.uniform(0.003, 0.014)
    middle = np.array([rng.uniform(0.0, 0.01), edge - half[0], back + half[2]])
    at = -half[1] * rng.uniform(0.0, 0.5)
    thumb_at = middle + [0.01, -0.2 * half[0], 0]
    held = _utensil(name, half, rotation, middle, at, thumb_at)
    return grasp(shape, held, rng), held


def _along(shape: HandShape, name: str, rng: np.random.Generator) -> tuple[np.ndarray, Utensil]:
    """The index lies on the back of a knife or fork, whose end is in the palm."""
    half = _half(name, rng)
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
    held = _utensil(name, half, rotation, heel, at, thumb_at)
    angles = grasp(shape, held, rng, index)
    return thumb.reach_with_thumb(
        shape, angles, thumb_at, -beside, rng, 0.006, held.distance
    ), held


def _three(shape: HandShape, name: str, rng: np.random.Generator) -> tuple[np.ndarray, Utensil]:
    """Between the pads of thumb and index, on the middle finger's side, leaning on the knuckle."""
    half = _half(name, rng)
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
        return angles, _utensil(name, half, _frame(-along, between), point, at)
    twist = axis_angle(along, rng.normal(0, 0.25))
    rotation = twist @ _frame(-along, between)
    return angles, _utensil(name, half, rotation, point, -half[1] * rng.uniform(-0.1, 0.35))

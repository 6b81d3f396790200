"""Hands that hold things: the fingers close on an object until they touch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle, forward, pads
from hand_pose_25d_train.render.body.rig import HandShape
from hand_pose_25d_train.render.draws import log_uniform
from hand_pose_25d_train.render.pose import thumb
from hand_pose_25d_train.render.vectors import cross_product

_DEGREE = np.pi / 180
CUP = 0.8
"""A cup's radius at its foot, where that at its rim is 1."""


def cup_radius(up: np.ndarray | float) -> np.ndarray | float:
    """A cup's outer radius at a height from -1, its foot, to 1, its rim, where it is 1."""
    return CUP + (1 - CUP) * (1 + up) / 2


@dataclass(frozen=True)
class Held:
    """An object in the frame of the (right) hand that holds it."""

    kind: str
    """A solid of `objects.solid`: ball, can, cup or box."""
    half: np.ndarray
    """(3,) half extents, m."""
    rotation: np.ndarray
    """(3, 3) object -> hand."""
    center: np.ndarray
    """(3,) m."""

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distances (...) m of points (..., 3) in the hand's frame, negative inside."""
        local = (points - self.center) @ self.rotation
        if self.kind == "ball":
            return np.linalg.norm(local, axis=-1) - self.half[0]
        if self.kind in ("can", "cup"):
            radius = self.half[0]
            if self.kind == "cup":  # as if it were full
                radius = radius * cup_radius((local[..., 1] / self.half[1]).clip(-1, 1))
            radial = np.linalg.norm(local[..., [0, 2]], axis=-1) - radius
            return np.maximum(radial, np.abs(local[..., 1]) - self.half[1])
        return box_distance(local, self.half)

    @property
    def touched(self) -> np.ndarray:
        """About where (3,) the thumb holds it, m."""
        return self.center


def box_distance(points: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Signed distances (...) of points (..., 3) from a box about the origin, negative inside."""
    outside = np.abs(points) - half
    return np.asarray(
        np.linalg.norm(np.maximum(outside, 0), axis=-1) + np.minimum(outside.max(-1), 0)
    )


def sample_held(shape: HandShape, rng: np.random.Generator) -> Held:
    """Draw an object that lies in the palm: cylinder, cup, ball, box or phone."""
    size = shape.length / 0.18
    kinds = ["can", "cup", "ball", "box", "phone"]
    kind = str(rng.choice(kinds, p=[0.38, 0.14, 0.2, 0.13, 0.15]))
    palm = shape.palm_radius * 0.9
    y = shape.joints[9, 1] * rng.uniform(0.78, 1.0)
    tilt = axis_angle(np.array([0, 0, 1.0]), rng.normal(0, 0.3)) @ axis_angle(
        np.array([0, 1.0, 0]), rng.normal(0, 0.12)
    )
    across = tilt @ np.array([[0, -1.0, 0], [1.0, 0, 0], [0, 0, 1.0]])  # the can's axis along x
    if kind == "can":
        r = log_uniform(rng, (0.009, 0.04)) * size
        half = np.array([r, rng.uniform(0.05, 0.13), r])
        return Held("can", half, across, np.array([rng.normal(0, 0.03), y, palm + r]))
    if kind == "cup":
        r = rng.uniform(0.028, 0.042) * size
        half = np.array([r, rng.uniform(0.038, 0.07), r])
        upright = across @ np.diag([-1.0, -1.0, 1.0])  # open at the thumb's side
        return Held("cup", half, upright, np.array([rng.normal(0, 0.012), y, palm + 0.9 * r]))
    if kind == "ball":
        r = rng.uniform(0.018, 0.045) * size
        return Held("ball", np.full(3, r), tilt, np.array([rng.normal(0, 0.008), y, palm + r]))
    if kind == "phone":
        half = np.array([rng.uniform(0.032, 0.039), rng.uniform(0.065, 0.08), 0.0045])
        return Held(
            "box", half, tilt, np.array([0.0, y * 0.95, palm + half[2] + rng.uniform(0, 0.02)])
        )
    half = rng.uniform(0.012, 0.035, 3) * size
    half[0] = rng.uniform(0.03, 0.07)
    return Held("box", half, tilt, np.array([rng.normal(0, 0.01), y, palm + half[2]]))


def grasp(
    shape: HandShape, held: Held, rng: np.random.Generator, index: np.ndarray | None = None
) -> np.ndarray:
    """Return the angles (5, 5) of a hand closed on an object.

    `index`: angles (5,) of an index finger that is where it should be.
    """
    angles = np.zeros((5, 5))
    angles[1:, 1] = (
        np.array([5.0, 1, -4, -8]) * rng.uniform(-1, 0.6) + rng.normal(0, 2, 4)
    ) * _DEGREE
    curls = np.linspace(0, 1, 24)
    candidates = np.repeat(angles[None], len(curls), 0)
    mcp, pip = rng.uniform(70, 92), rng.uniform(85, 106)
    candidates[:, 1:, 0] = (-8 + (mcp + 8) * curls[:, None]) * _DEGREE
    candidates[:, 1:, 2] = (4 + pip * curls[:, None]) * _DEGREE
    candidates[:, 1:, 3] = candidates[:, 1:, 2] * rng.uniform(0.4, 0.7)
    angles[1:] = _until_contact(shape, held, candidates)
    # The proximal bone rests on the object; the outer joints may close further.
    further = np.repeat(angles[None], 14, 0)
    further[:, 1:, 2] += np.linspace(0, 70, 14)[:, None] * _DEGREE
    further[:, 1:, 2] = further[:, 1:, 2].clip(0, 106 * _DEGREE)
    further[:, 1:, 3] = further[:, 1:, 2] * rng.uniform(0.35, 0.6)
    angles[1:] = _until_contact(shape, held, further)
    if index is not None:
        angles[1] = index
    elif rng.random() < 0.15:  # a finger that takes no part
        angles[int(rng.choice([1, 4])), [0, 2, 3]] *= rng.uniform(0.0, 0.5)
    return _thumb_on(shape, angles, held, rng)


def pen(shape: HandShape, angles: np.ndarray, rng: np.random.Generator) -> Held:
    """A pen, stick or card between the pads of thumb and index of a pinching hand."""
    joints, rotations = forward(shape, angles[None])
    centre, _ = pads(shape, joints, rotations)
    contact = (centre[0, 0] + centre[0, 1]) / 2
    web = (joints[0, 2] + joints[0, 5]) / 2
    along = web + rng.normal(0, 0.012, 3) - contact
    along /= np.linalg.norm(along)
    x = cross_product(along, np.array([0.3, 0.5, 0.8]))
    x /= np.linalg.norm(x)
    rotation = np.stack([x, along, cross_product(x, along)], 1)
    r = rng.uniform(0.0025, 0.006)
    half_length = rng.uniform(0.05, 0.085)
    return Held(
        "can",
        np.array([r, half_length, r]),
        rotation,
        contact + along * (half_length - rng.uniform(0.015, 0.035)),
    )


def _samples(shape: HandShape, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 4, 7, 3) of the fingers and their radii (4, 7)."""
    points, radii = thumb.flesh(shape, joints)
    return points[:, :28].reshape(len(joints), 4, 7, 3), radii[:28].reshape(4, 7)


def _until_contact(shape: HandShape, held: Held, candidates: np.ndarray) -> np.ndarray:
    """For each finger the last of its candidates (N, 5, 5) before it sinks into the object."""
    joints, _ = forward(shape, candidates, (1, 2, 3, 4))
    points, radii = _samples(shape, joints)
    free = (held.distance(points) - 0.85 * radii)[..., 1:].min(-1) > -0.001  # (N, 4)
    last = np.where(free.all(0), len(candidates) - 1, np.maximum(free.argmin(0) - 1, 0))
    return np.stack([candidates[last[f], f + 1] for f in range(4)])


def _thumb_on(
    shape: HandShape, angles: np.ndarray, held: Held, rng: np.random.Generator
) -> np.ndarray:
    """Put the thumb's pad on the object, on the side that the fingers leave free."""
    toward = np.array([0.45, rng.uniform(-0.7, 0.1), rng.uniform(0.3, 0.9)])
    toward /= np.linalg.norm(toward)
    start = held.touched + [0.02, 0, 0]
    steps = start + toward * np.linspace(0, 0.12, 60)[:, None]
    target = steps[int((held.distance(steps) > 0).argmax())]
    solid: Callable[[np.ndarray], np.ndarray] = held.distance
    return thumb.reach_with_thumb(shape, angles, target, -toward, rng, 0.008, solid)

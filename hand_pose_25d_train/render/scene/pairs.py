"""Two hands of one person that touch: palm on palm, on top, holding, interlocked, at the tips.

Frame of a pair: the first hand's own (x to the thumb of a right hand, y along its middle
metacarpal, z out of its palm), where the first hand lies unrotated.  Two of the arrangements are
the mirror image of a hand in a plane: n points from the hand to the plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.body.rig import HandShape
from hand_pose_25d_train.render.pose.fingers import place_thumb, spread_fingers
from hand_pose_25d_train.render.pose.grasp import Held, grasp
from hand_pose_25d_train.render.pose.pose import HandPoseSample, make, sample_pose, sample_wrist
from hand_pose_25d_train.render.scene.instance import MIRROR, HandInstance, instantiate
from hand_pose_25d_train.render.shares import draw_kind

ARRANGEMENTS: dict[str, float] = {
    "palms": 0.25,
    "on_top": 0.22,
    "holding": 0.28,
    "interlocked": 0.15,
    "fingertips": 0.10,
}
"""Share of each arrangement."""

_DEGREE = np.pi / 180
_FLESH = 0.9
"""Of the balls' radii (`HandInstance.spheres`): as deep as flesh gives way."""
_PRESSED = 0.001
_INTERLACED = 0.004
"""Metres by which the balls of two hands may overlap beside that."""
_STEPS = 10


@dataclass(frozen=True)
class _Second:
    """The second hand in the pair's frame."""

    pose: HandPoseSample
    rotation: np.ndarray
    translation: np.ndarray
    away: np.ndarray
    """(3,) the way out where the hands run into each other."""
    overlap: float = _PRESSED


def sample_pair(
    shape: HandShape, is_right: bool, rng: np.random.Generator, kind: str | None = None
) -> tuple[HandInstance, HandInstance]:
    """Draw two hands of a person that touch, the first one right or left, in the pair's frame.

    `kind`: one of ARRANGEMENTS, or drawn by their shares.
    """
    if kind is None:
        kind = draw_kind(ARRANGEMENTS, rng)
    pose, second = _PLACED[kind](shape, is_right, rng)
    first = instantiate(shape, pose, is_right, np.eye(3), np.zeros(3))
    other = instantiate(shape, second.pose, not is_right, second.rotation, second.translation)
    for _ in range(_STEPS):
        depth = overlap(first, other) - second.overlap
        if depth <= 0:
            break
        other = other.moved(np.eye(3), second.away * (depth + 0.001))
    return first, other


def overlap(one: HandInstance, other: HandInstance) -> float:
    """Return how deep (m) two hands run into each other; below 0 where they do not touch."""
    a, b = one.spheres(), other.spheres()
    gap = np.linalg.norm(a[:, None, :3] - b[None, :, :3], axis=-1)
    return float((_FLESH * (a[:, None, 3] + b[None, :, 3]) - gap).max())


def _palms(
    shape: HandShape, is_right: bool, rng: np.random.Generator
) -> tuple[HandPoseSample, _Second]:
    """Praying, clapping, rubbing: palm to palm, the second hand turned and some way off."""
    flat = rng.random() < 0.7
    pose, other = (
        sample_pose(shape, rng, "open" if flat and rng.random() < 0.8 else "relaxed")
        for _ in range(2)
    )
    turn = rng.normal(0, 12) if rng.random() < 0.5 else rng.uniform(-80, 80)
    gap = 0.0 if rng.random() < 0.65 else rng.uniform(0, 0.06)
    normal = np.array([0, 0, 1.0])
    plane = np.array([0, 0, 0.95 * shape.palm_radius + gap / 2])
    second = _mirrored(other, is_right, normal, plane)
    spin = _about(second, shape, turn, normal)
    shift = rng.normal(0, [0.012, 0.018, 0])
    return pose, _Second(other, spin.rotation, spin.translation + shift, normal)


def _on_top(
    shape: HandShape, is_right: bool, rng: np.random.Generator
) -> tuple[HandPoseSample, _Second]:
    """The second hand's palm lies on the back of the first."""
    pose = sample_pose(shape, rng, str(rng.choice(["open", "relaxed", "fist"])))
    other = sample_pose(shape, rng, "relaxed" if rng.random() < 0.7 else "open")
    behind = np.array([0, 0, -1.0])
    place = _Second(other, np.eye(3), 1.9 * shape.palm_radius * behind, behind)
    spin = _about(place, shape, rng.uniform(-115, 115), behind)
    shift = rng.normal(0, [0.012, 0.02, 0])
    return pose, _Second(other, spin.rotation, spin.translation + shift, behind)


def _holding(
    shape: HandShape, is_right: bool, rng: np.random.Generator
) -> tuple[HandPoseSample, _Second]:
    """The second hand grasps the first one: its fist, its fingers or its wrist."""
    size = shape.length / 0.18
    what = str(rng.choice(["fist", "fingers", "wrist"], p=[0.45, 0.3, 0.25]))
    pose = sample_pose(shape, rng, "fist" if what == "fist" else "relaxed")
    points = pose.joints * (1.0 if is_right else MIRROR)
    if what == "fist":
        middle, radius = points[[0, 5, 9, 13, 17, 6, 10, 14, 18]].mean(0), 0.036 * size
    elif what == "fingers":
        middle, radius = points[[6, 10, 14, 18]].mean(0), 0.021 * size
    else:
        middle, radius = np.array([0, -0.035 * size, 0]), 0.029 * size
    palm = 0.9 * shape.palm_radius
    across = np.array([[0, -1.0, 0], [1.0, 0, 0], [0, 0, 1.0]])
    center = np.array(
        [rng.normal(0, 0.01), shape.joints[9, 1] * rng.uniform(0.8, 1), palm + radius]
    )
    held = Held("can", np.array([radius, 0.1, radius]), across, center)
    other = make(shape, grasp(shape, held, rng), sample_wrist(rng), "grasp")
    # The can's axis is the first hand's y.  A left hand's can is a right one's mirror image.
    flip = np.diag(MIRROR) if is_right else np.eye(3)
    roll = axis_angle(np.array([0, 1.0, 0]), rng.uniform(-np.pi, np.pi))
    upside_down = np.diag([1.0, -1, -1]) if rng.random() < 0.5 else np.eye(3)
    leaning = np.eye(3) if what == "wrist" else lean(rng, 0.3)
    rotation = leaning @ roll @ upside_down @ flip @ across.T @ flip
    translation = middle - rotation @ flip @ center
    palm_at = rotation @ (flip @ np.array([0, center[1], 0])) + translation
    away = palm_at - middle
    return pose, _Second(other, rotation, translation, away / np.linalg.norm(away))


def _interlocked(
    shape: HandShape, is_right: bool, rng: np.random.Generator
) -> tuple[HandPoseSample, _Second]:
    """Clasped hands: the fingers pass between those of the other hand and bend over its back."""
    poses = []
    spread = rng.uniform(0.2, 0.9)
    bend = rng.uniform(10, 45), rng.uniform(25, 85)
    for _ in range(2):
        angles = np.zeros((5, 5))
        angles[1:, 0] = bend[0] + rng.normal(0, 5, 4)
        angles[1:, 1] = spread_fingers(rng, spread)
        angles[1:, 2] = bend[1] + rng.normal(0, 8, 4)
        angles[1:, 3] = 0.5 * angles[1:, 2]
        thumbs = str(rng.choice(["loose", "out"]))
        poses.append(place_thumb(shape, angles * _DEGREE, thumbs, rng))
    pose, other = (make(shape, angles, sample_wrist(rng), "interlocked") for angles in poses)
    tilt = rng.uniform(20, 60) * _DEGREE
    normal = np.array([0, np.sin(tilt), np.cos(tilt)])
    knuckles, next_joints = pose.joints[[5, 9, 13, 17]], pose.joints[[6, 10, 14, 18]]
    plane = (0.6 * knuckles + 0.4 * next_joints).mean(0)
    second = _mirrored(other, is_right, normal, plane)
    # Half a finger's width aside, so that fingers meet gaps.
    pitch = float(np.abs(np.diff(knuckles[:, 0])).mean())
    aside = np.array([rng.choice([-0.5, 0.5]) * pitch, 0, 0])
    return pose, _Second(other, second.rotation, second.translation + aside, normal, _INTERLACED)


def _fingertips(
    shape: HandShape, is_right: bool, rng: np.random.Generator
) -> tuple[HandPoseSample, _Second]:
    """A steeple: only the fingertips touch."""
    pose = sample_pose(shape, rng, "open" if rng.random() < 0.6 else "relaxed")
    tips = pose.joints[[8, 12, 16, 20]]
    tilt = rng.uniform(15, 60) * _DEGREE
    normal = np.array([0, np.sin(tilt), np.cos(tilt)])
    furthest = tips[np.argmax(tips @ normal)] * (1.0 if is_right else MIRROR)
    second = _mirrored(pose, is_right, normal, furthest + 0.006 * normal)
    return pose, second


_PLACED: dict[
    str, Callable[[HandShape, bool, np.random.Generator], tuple[HandPoseSample, _Second]]
] = {
    "palms": _palms,
    "on_top": _on_top,
    "holding": _holding,
    "interlocked": _interlocked,
    "fingertips": _fingertips,
}


def _mirrored(
    pose: HandPoseSample, is_right: bool, normal: np.ndarray, plane: np.ndarray
) -> _Second:
    """The other hand where the first one's mirror image in a plane would be, in its own pose.

    `plane`: a point of it.  Of the first hand only the frame counts, which is not its mirror
    image's: the mirror turns a right hand into a left one.
    """
    reflection = np.eye(3) - 2 * np.outer(normal, normal)
    rotation = reflection @ np.diag(MIRROR)
    return _Second(pose, rotation, 2 * (plane @ normal) * normal, normal)


def _about(second: _Second, shape: HandShape, degrees: float, axis: np.ndarray) -> _Second:
    """Turn a hand about an axis through the middle of its palm."""
    middle = np.array([0, 0.6 * shape.joints[9, 1], 0])
    spin = axis_angle(axis, degrees * _DEGREE)
    rotation = spin @ second.rotation
    translation = second.rotation @ middle + second.translation - rotation @ middle
    return _Second(second.pose, rotation, translation, second.away, second.overlap)


def lean(rng: np.random.Generator, spread: float) -> np.ndarray:
    """A rotation (3, 3) about any axis; `spread`: standard deviation of its components, rad."""
    tilt = rng.normal(0, spread, 3)
    angle = float(np.linalg.norm(tilt))
    return axis_angle(tilt / angle, angle)

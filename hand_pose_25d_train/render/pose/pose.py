"""The pose sampler: gestures, grasps, relaxed and random hands, with a placed thumb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d_train.render.body.kinematics import forward
from hand_pose_25d_train.render.body.rig import HandShape
from hand_pose_25d_train.render.pose import thumb
from hand_pose_25d_train.render.pose.fingers import (
    close,
    curl,
    limit,
    place_thumb,
    spread_fingers,
    states,
)
from hand_pose_25d_train.render.pose.grasp import Held, grasp, pen, sample_held
from hand_pose_25d_train.render.shares import draw_kind

_DEGREE = np.pi / 180

POSE_MODES: dict[str, float] = {
    "open": 0.13,
    "relaxed": 0.12,
    "fist": 0.10,
    "gesture": 0.27,
    "pinch": 0.17,
    "grasp": 0.13,
    "random": 0.08,
}
"""Share of each mode."""

NAMED: dict[str, tuple[str, str]] = {
    # index ... little: e extended, f folded, h half; then the thumb
    "point": ("efff", "wrap"),
    "point_thumb": ("efff", "out"),
    "point_side": ("efff", "side"),
    "victory": ("eeff", "wrap"),
    "three": ("eeff", "out"),
    "three_fingers": ("eeef", "wrap"),
    "four": ("eeee", "across"),
    "little": ("fffe", "wrap"),
    "horns": ("effe", "wrap"),
    "horns_thumb": ("effe", "out"),
    "call_me": ("fffe", "out"),
    "thumb_up": ("ffff", "up"),
    "thumb_up_half": ("hhhh", "up"),
    "hook": ("hfff", "wrap"),
    "middle": ("feff", "wrap"),
    "ring_down": ("eefe", "wrap"),
    "flat": ("eeee", "side"),
}


@dataclass(frozen=True)
class HandPoseSample:
    """A posed hand in its own frame."""

    angles: np.ndarray
    """(5, 5) rad, see `kinematics`."""
    joints: np.ndarray
    """(21, 3) m."""
    rotations: np.ndarray
    """(5, 3, 3, 3)."""
    wrist: tuple[float, float, float]
    """Flexion, deviation, twist of the forearm, rad."""
    mode: str
    held: Held | None = None
    """What the hand holds."""


def make(
    shape: HandShape, angles: np.ndarray, wrist, mode: str, held: Held | None = None
) -> HandPoseSample:
    """Run the forward kinematics of one pose."""
    joints, rotations = forward(shape, angles[None])
    return HandPoseSample(angles, joints[0], rotations[0], tuple(wrist), mode, held)


def sample_pose(
    shape: HandShape, rng: np.random.Generator, mode: str | None = None
) -> HandPoseSample:
    """Draw a pose; `mode` is one of MODES, or drawn by their shares."""
    if mode is None:
        mode = draw_kind(POSE_MODES, rng)
    held = None
    if mode == "grasp" and rng.random() < 0.8:
        held = sample_held(shape, rng)
        angles = grasp(shape, held, rng)
    else:
        angles = _SAMPLERS[mode](shape, rng)
    if mode == "pinch" and rng.random() < 0.12:
        held = pen(shape, angles, rng)
    return make(shape, angles, sample_wrist(rng), mode, held)


def sample_wrist(rng: np.random.Generator) -> tuple[float, float, float]:
    """Flexion, deviation and twist of the wrist, rad."""
    return (
        float(np.clip(rng.normal(0, 24), -65, 65) * _DEGREE),
        float(np.clip(rng.normal(0, 9), -20, 28) * _DEGREE),
        float(rng.uniform(-70, 70) * _DEGREE),
    )


def _open(shape, rng):
    angles = states("eeee", shape, rng)
    return place_thumb(
        shape,
        angles,
        str(rng.choice(["out", "loose", "side", "across"], p=[0.6, 0.2, 0.1, 0.1])),
        rng,
    )


def _relaxed(shape, rng):
    angles = np.zeros((5, 5))
    amount = rng.uniform(0.08, 0.62)
    angles[1:] = curl(amount + np.array([-0.08, 0, 0.05, 0.06]) * rng.uniform(-0.6, 1.6), rng, 5)
    angles[1:, 1] += spread_fingers(rng, rng.uniform(-1.0, 0.3)) * _DEGREE
    return place_thumb(
        shape,
        close(shape, angles),
        str(rng.choice(["loose", "side", "out"], p=[0.6, 0.25, 0.15])),
        rng,
    )


def _fist(shape, rng):
    angles = states("ffff", shape, rng)
    how = str(rng.choice(["wrap", "side", "up", "out"], p=[0.56, 0.16, 0.2, 0.08]))
    return place_thumb(shape, angles, how, rng)


def _gesture(shape, rng):
    if rng.random() < 0.55:
        letters, how = NAMED[str(rng.choice(list(NAMED)))]
    else:
        letters = "".join(rng.choice(list("efhx"), size=4, p=[0.44, 0.4, 0.1, 0.06]))
        how = str(
            rng.choice(
                ["wrap", "out", "side", "across", "loose", "up"],
                p=[0.32, 0.24, 0.14, 0.12, 0.1, 0.08],
            )
        )
    if "f" not in letters and how == "wrap":
        how = "across"
    return place_thumb(shape, states(letters, shape, rng), how, rng)


def _pinch(shape, rng):
    others = str(rng.choice(["e", "f", "h", "x"], p=[0.46, 0.2, 0.24, 0.1]))
    if rng.random() < 0.22:  # the letter O: all fingertips on the thumb
        angles = np.zeros((5, 5))
        angles[1:] = curl(rng.uniform(0.42, 0.6), rng, 3)
        angles[1:, 1] = np.array([-7, -1, 5, 11.0]) * _DEGREE
        angles = thumb.pinch(shape, angles, (1, 2), rng)
        for f in (3, 4):
            angles[f, [0, 2, 3]] = angles[2, [0, 2, 3]] + rng.normal(0, 0.05, 3)
        return angles
    finger = int(rng.choice([1, 2, 3, 4], p=[0.5, 0.2, 0.15, 0.15]))
    angles = states(others * 4, shape, rng)
    if finger >= 3 and others in "eh" and rng.random() < 0.5:  # neighbours follow a little
        angles[finger - 1, [0, 2]] += rng.uniform(0, 25) * _DEGREE
    angles[finger, 1] = rng.normal(0, 3) * _DEGREE
    fingers = (finger,) if finger == 4 or rng.random() < 0.8 else (finger, finger + 1)
    return thumb.pinch(shape, angles, fingers, rng)


def _grasp(shape, rng):
    """A hand as about an object, without one."""
    angles = np.zeros((5, 5))
    angles[1:] = curl(rng.uniform(0.3, 0.8) + rng.normal(0, 0.05, 4), rng, 5)
    angles[1:, 1] += spread_fingers(rng, rng.uniform(-0.8, 0.5)) * _DEGREE
    angles = close(shape, angles)
    joints, _ = forward(shape, angles[None])
    middle = (joints[0, 7] + joints[0, 11]) / 2
    target = middle * rng.uniform(0.6, 1.0) + np.array([0.01, -0.01, rng.uniform(0.0, 0.03)])
    return thumb.reach_with_thumb(shape, angles, target, None, rng, 0.006)


def _random(shape, rng):
    angles = np.zeros((4, 5))
    angles[:, 0] = rng.uniform(-25, 92, 4)
    angles[:, 2] = rng.uniform(-3, 110, 4)
    angles[:, 3] = angles[:, 2] * rng.uniform(0.3, 0.8, 4)
    angles[:, 1] = rng.uniform(-12, 12, 4)
    full = np.zeros((5, 5))
    full[1:] = limit(angles)
    return place_thumb(shape, close(shape, full), "any", rng)


_SAMPLERS = {
    "open": _open,
    "relaxed": _relaxed,
    "fist": _fist,
    "gesture": _gesture,
    "pinch": _pinch,
    "grasp": _grasp,
    "random": _random,
}

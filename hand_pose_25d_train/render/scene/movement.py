"""How hands and cameras move while the shutter is open, drawn so that hands blur by some pixels.

Time runs from -0.5 to 0.5; at 0 all is where it is drawn and labelled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.pose.body import ArmPose, pose_body
from hand_pose_25d_train.render.scene.cutoff import hidden, rim
from hand_pose_25d_train.render.scene.instance import HandInstance
from hand_pose_25d_train.render.scene.pairs import overlap
from hand_pose_25d_train.render.scene.people import Person, stand

BLURRED = (0.05, 0.30)
"""How far a hand's keypoints move in the image, on an average, of the longer side of its box."""
_ROTATION, _SHIFT = 0.8, 0.35
"""Hands rotate by no more rad and shift by no more metres while the shutter is open."""
_NEAREST = 0.05
_CLOSE = 0.01
"""Hands that are nearer to each other (m) move as one."""
_ELBOW = 1 / 1.7
"""Where on the way from the wrist to an arm's cut the elbow is, see `sleeve.SLEEVE_END`."""
_TRIALS = 8


def as_rotation(vector: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) about a vector (3,) by its length in rad."""
    angle = float(np.linalg.norm(vector))
    return axis_angle(vector / angle, angle) if angle > 1e-12 else np.eye(3)


@dataclass(frozen=True)
class RigidMovement:
    """A rotation about a point with a shift, even in time; camera frame."""

    pivot: np.ndarray
    """(3,) m."""
    turn: np.ndarray
    """(3,) rad in the shutter's time."""
    shift: np.ndarray
    """(3,) m in the shutter's time."""

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """The rotation (3, 3) about the camera and the shift (3,) m that lead to a time."""
        rotation = as_rotation(time * self.turn)
        return rotation, self.pivot - rotation @ self.pivot + time * self.shift

    def scaled(self, factor: float) -> RigidMovement:
        """The same, faster."""
        return RigidMovement(self.pivot, factor * self.turn, factor * self.shift)


@dataclass(frozen=True)
class Swing:
    """How a person's arms swing: by side, the turns (3,) of upper arm and forearm, rad, as seen on
    the right side in the body's frame."""

    turns: dict[str, tuple[np.ndarray, np.ndarray]]

    def at(self, time: float, person: Person) -> Person:
        """The person at a time."""
        arms: dict[str, ArmPose] = {}
        for side, arm in person.posed.poses.items():
            upper, lower = (as_rotation(time * turn) for turn in self.turns[side])
            arms[side] = replace(arm, upper=upper @ arm.upper, lower=lower @ arm.lower)
        posed = pose_body(person.posed.seed, arms, person.posed.head)
        return stand(posed, arms, person.rotation, person.translation, person.skin)


def touching_groups(hands: list[HandInstance]) -> list[list[int]]:
    """The numbers of hands that touch each other, and of those alone."""
    groups: list[list[int]] = []
    for i, hand in enumerate(hands):
        near = [g for g in groups if any(overlap(hands[k], hand) > -_CLOSE for k in g)]
        groups = [g for g in groups if g not in near] + [[k for g in near for k in g] + [i]]
    return groups


def box_side(hand: HandInstance, K: np.ndarray) -> float:
    """The longer side (px) of the box about a hand's keypoints."""
    return float(np.ptp(_pixels(hand.keypoints, K), axis=0).max())


def path_length(before: np.ndarray, after: np.ndarray, K: np.ndarray) -> float:
    """How far keypoints (21, 3) move in the image, px, on an average."""
    return float(np.linalg.norm(_pixels(after, K) - _pixels(before, K), axis=1).mean())


def sample_rigid(
    hands: list[HandInstance], K: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> RigidMovement | None:
    """Draw a movement of hands that move as one, as much as BLURRED says for the first one.

    None where each that is tried would show the end of an arm.
    """
    first = hands[0]
    ends = [hand.vertices[rim()] for hand in hands]
    kept = [hidden(end, K, size) for end in ends]
    wrist = first.keypoints[0]
    arm = (ends[0].mean(0) - wrist) * _ELBOW
    for _ in range(_TRIALS):
        wanted = rng.uniform(*BLURRED) * box_side(first, K)
        axis = rng.normal(size=3)
        along = arm / np.linalg.norm(arm)
        axis += (rng.normal(0, 0.3) - axis @ along) * along
        turn, shift = axis / np.linalg.norm(axis), rng.normal(0, [0.1, 0.1, 0.05])
        if rng.random() < 0.4:  # a push rather than a swing
            turn, shift = 0.15 * turn, 3 * shift
        movement = RigidMovement(wrist + arm, turn, shift)

        def moved(movement: RigidMovement, points: np.ndarray, time: float) -> np.ndarray:
            rotation, shift = movement.at(time)
            return np.asarray(points @ rotation.T + shift)

        def length(factor: float, movement: RigidMovement = movement) -> float:
            before, after = (
                moved(movement.scaled(factor), first.keypoints, t) for t in (-0.5, 0.5)
            )
            return path_length(before, after, K)

        movement = movement.scaled(_factor(length, wanted))
        if (
            np.linalg.norm(movement.turn) > _ROTATION
            or np.linalg.norm(movement.shift) > _SHIFT
            or any(moved(movement, first.keypoints, t)[:, 2].min() < _NEAREST for t in (-0.5, 0.5))
        ):
            continue
        if all(
            not out or hidden(moved(movement, end, t), K, size)
            for end, out in zip(ends, kept, strict=True)
            for t in (-0.5, 0.5)
        ):
            return movement
    return None


def sample_swing(person: Person, K: np.ndarray, rng: np.random.Generator) -> Swing | None:
    """Draw how a person's arms swing, each as much as BLURRED says; a few arms stand.

    None where neither can.
    """
    still = np.zeros(3)
    turns = {side: (still, still) for side in "RL"}
    for hand, side in zip(person.hands, "RL", strict=True):
        arm = person.posed.poses[side]
        if hand.keypoints[:, 2].min() < _NEAREST or rng.random() < 0.25:
            continue
        for _ in range(_TRIALS):
            wanted = rng.uniform(*BLURRED) * box_side(hand, K)
            axis = rng.normal(size=3)
            axis -= 0.8 * (axis @ arm.lower) * arm.lower
            axis /= np.linalg.norm(axis)
            share = rng.uniform(0, 0.8)

            def length(factor: float, axis=axis, share=share, side=side) -> float:
                swing = Swing({**turns, side: (factor * share * axis, factor * axis)})
                before, after = (swing.at(t, person) for t in (-0.5, 0.5))
                index = "RL".index(side)
                return path_length(before.hands[index].keypoints, after.hands[index].keypoints, K)

            factor = _factor(length, wanted)
            if factor <= _ROTATION:
                turns[side] = (factor * share * axis, factor * axis)
                break
    return Swing(turns) if any(np.any(lower) for _, lower in turns.values()) else None


def sample_shake(
    hands: list[HandInstance], K: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Draw how a camera rotates (3,) rad, as much as BLURRED says for the smallest hand.

    Returns how many pixels that are, too; without a hand, of what would be one.
    """
    middle = np.linalg.solve(K, [size[0] / 2, size[1] / 2, 1.0])[None]
    points = min((h.keypoints for h in hands), key=lambda p: np.ptp(_pixels(p, K), axis=0).max(),
                 default=middle)  # fmt: skip
    side = float(np.ptp(_pixels(points, K), axis=0).max()) or 0.3 * size[1]
    wanted = rng.uniform(*BLURRED) * side
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([np.sin(angle), np.cos(angle), rng.normal(0, 0.4)])

    def length(factor: float) -> float:
        before, after = (points @ as_rotation(t * factor * turn).T for t in (-0.5, 0.5))
        return path_length(before, after, K)

    return _factor(length, wanted) * turn, wanted


def _factor(length: Callable[[float], float], wanted: float, first: float = 0.02) -> float:
    """The factor that makes a movement as long (px) as wanted: nearly linear, so in two steps."""
    factor = first * wanted / max(length(first), 1e-6)
    if factor > 2:  # hardly seen: towards the camera
        return factor
    return factor * wanted / max(length(factor), 1e-6)


def _pixels(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    projected = points @ K.T
    return np.asarray(projected[:, :2] / np.maximum(projected[:, 2:], 1e-3))

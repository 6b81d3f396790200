"""A free forearm ends in a cut: rotated and shifted so that the cut lies outside the image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.body.subdivision import border
from hand_pose_25d_train.render.body.topology import hand_topology
from hand_pose_25d_train.render.scene.instance import HandInstance

_MARGIN = 0.04
"""How far beyond the edge the cut lies at least, of the image's side: sleeves are wider."""
_REACH = 0.1
"""The same for the keyframes of a motion, between which the arm rotates."""
_NEAREST = 0.05
NEARBY = 0.28
"""Hands come no nearer (m) than this for their arm to reach the edge."""
_ARM = 0.1
"""An arm's axis passes the camera at this distance (m) at least."""
ASIDE = 2.2
"""How far beside the hand a cut that faces the camera lies at least, in angular radii of the hand:
the corners of a crop (crops.py) are about as far."""
ROTATED = 0.1
"""A rotation counts as much as a shift by this part of the image."""
EDGES = ((0, -1), (0, 1), (1, -1), (1, 1))
"""Axis and sign of the left, right, upper and lower edge."""


@lru_cache(maxsize=1)
def rim() -> np.ndarray:
    """The fine vertices (m,) at the cut: those of sides that one quad only has."""
    return np.unique(border(hand_topology().quads))


def in_the_way(hand: HandInstance) -> bool:
    """Whether the arm runs through the camera, or its cut is seen before or beside the hand."""
    wrist, end = hand.keypoints[0], hand.vertices[rim()].mean(0)
    along = end - wrist
    nearest = wrist - along * np.clip(wrist @ along / (along @ along), -1.0, 0.0)
    if np.linalg.norm(nearest) < _ARM:
        return True
    rays = np.vstack([hand.keypoints, end])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    middle = rays[:-1].mean(0)
    aside = np.arccos(np.clip(rays @ middle / np.linalg.norm(middle), -1, 1))
    return bool(along @ end < 0 and aside[-1] < ASIDE * aside[:-1].max())


def hide_cut(
    hand: HandInstance, K: np.ndarray, size: tuple[int, int], own: bool = False
) -> HandInstance | None:
    """The hand, moved as little as possible until no part of its cut can be seen.

    `own`: a user's own arm keeps its rotation and does not come from above.  None where the
    hand's middle would leave the image.
    """
    if hidden(hand.vertices[rim()], K, size):
        return hand
    middle = hand.keypoints.mean(0)
    ray = middle / np.linalg.norm(middle)
    points = np.stack([middle, hand.vertices[rim()].mean(0)])
    points = points[:, :2] / np.maximum(points[:, 2:], _NEAREST)
    away = np.arctan2(*(points[1] - points[0])[::-1])
    best, least = None, np.inf
    for axis, sign in EDGES:
        if own and (axis, sign) == (1, -1):
            continue
        direction = np.arctan2(sign * (axis == 1), sign * (axis == 0))
        for angle in (0.0,) if own else (0.0, direction - away):
            rotation = axis_angle(ray, angle)
            moved = hand.moved(rotation, middle - rotation @ middle)
            shift = _shift(moved.vertices[rim()], K, size, axis, sign)
            place = K @ (middle + shift)
            u, v = place[:2] / place[2] / size
            far = np.hypot(*(shift[:2] * K[0, 0] / middle[2])) / size[0] + ROTATED * bool(angle)
            if 0.02 < u < 0.98 and 0.02 < v < 0.98 and far < least:
                best, least = moved.moved(np.eye(3), shift), far
    return best


def hidden(points: np.ndarray, K: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether points (m, 3) lie beyond one edge of the image together, or behind the camera."""
    near = points[:, 2] < _NEAREST
    z = np.maximum(points[:, 2], _NEAREST)
    for axis, sign in EDGES:
        place = (points[:, axis] * K[axis, axis] / z + K[axis, 2]) / size[axis] - 0.5
        if (near | (place * sign > 0.5 + 0.99 * _MARGIN)).all():
            return True
    return False


@dataclass(frozen=True)
class Entrance:
    """The edge of the image that a moving hand's arm comes from, for all of a clip."""

    K: np.ndarray
    size: tuple[int, int]
    axis: int
    sign: int

    def keep(self, hand: HandInstance) -> HandInstance:
        """The hand, shifted until its cut lies beyond the edge: continuous in time, where the
        choice between edges of `hide_cut` would jump."""
        shift = self._shift(hand.vertices[rim()], _MARGIN)
        return hand.moved(np.eye(3), shift) if shift.any() else hand

    def reached(self, hand: HandInstance, place: np.ndarray, least: float) -> np.ndarray:
        """Where (3,) the hand that is at `place` should be instead, for its arm to reach the edge:
        at the same pixel, but nearer, down to `least` times as far (and NEARBY); then shifted."""
        points = hand.vertices[rim()]
        least = min(1.0, max(least, NEARBY / place[2]))
        for factor in np.linspace(1.0, least, 16):
            moved = (factor - 1) * place
            shift = self._shift(points + moved, _REACH)
            if not shift.any():
                break
        return place + moved + shift

    def _shift(self, points: np.ndarray, margin: float) -> np.ndarray:
        return _shift(points, self.K, self.size, self.axis, self.sign, margin)


def _shift(
    points: np.ndarray,
    K: np.ndarray,
    size: tuple[int, int],
    axis: int,
    sign: int,
    margin: float = _MARGIN,
) -> np.ndarray:
    """The least shift (3,) along x or y that takes points (m, 3) beyond an edge."""
    z = np.maximum(points[:, 2], _NEAREST)
    edge = (0.5 + sign * (0.5 + margin)) * size[axis]
    wanted = (edge - K[axis, 2]) / K[axis, axis] * z - points[:, axis]
    shift = np.zeros(3)
    shift[axis] = sign * max(0.0, float((wanted * sign).max()))
    return shift

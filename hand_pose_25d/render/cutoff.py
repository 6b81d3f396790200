"""A free forearm ends in a cut: turned and shifted so that the cut lies outside the image."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .instance import HandInstance
from .kinematics import axis_angle
from .subdivision import border
from .topology import hand_topology

MARGIN = 0.04
"""How far beyond the edge the cut lies at least, of the image's side: sleeves are wider."""
NEAREST = 0.05
TURNED = 0.1
"""A turn counts as much as a shift by this part of the image."""
EDGES = ((0, -1), (0, 1), (1, -1), (1, 1))
"""Axis and sign of the left, right, upper and lower edge."""


@lru_cache(maxsize=1)
def rim() -> np.ndarray:
    """The fine vertices (m,) at the cut: those of sides that one quad only has."""
    return np.unique(border(hand_topology().quads))


def hide_cut(
    hand: HandInstance, K: np.ndarray, size: tuple[int, int], own: bool = False
) -> HandInstance | None:
    """The hand, moved as little as possible until no part of its cut can be seen.

    `own`: a user's own arm stays as it is turned and does not come from above.  None where the
    hand's middle would leave the image.
    """
    if hidden(hand.vertices[rim()], K, size):
        return hand
    middle = hand.keypoints.mean(0)
    ray = middle / np.linalg.norm(middle)
    points = np.stack([middle, hand.vertices[rim()].mean(0)])
    points = points[:, :2] / np.maximum(points[:, 2:], NEAREST)
    away = np.arctan2(*(points[1] - points[0])[::-1])
    best, least = None, np.inf
    for axis, sign in EDGES:
        if own and (axis, sign) == (1, -1):
            continue
        direction = np.arctan2(sign * (axis == 1), sign * (axis == 0))
        for turn in (0.0,) if own else (0.0, direction - away):
            rotation = axis_angle(ray, turn)
            moved = hand.moved(rotation, middle - rotation @ middle)
            shift = _shift(moved.vertices[rim()], K, size, axis, sign)
            place = K @ (middle + shift)
            u, v = place[:2] / place[2] / size
            far = np.hypot(*(shift[:2] * K[0, 0] / middle[2])) / size[0] + TURNED * bool(turn)
            if 0.02 < u < 0.98 and 0.02 < v < 0.98 and far < least:
                best, least = moved.moved(np.eye(3), shift), far
    return best


def hidden(points: np.ndarray, K: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether points (m, 3) lie beyond one edge of the image together, or behind the camera."""
    near = points[:, 2] < NEAREST
    z = np.maximum(points[:, 2], NEAREST)
    for axis, sign in EDGES:
        place = (points[:, axis] * K[axis, axis] / z + K[axis, 2]) / size[axis] - 0.5
        if (near | (place * sign > 0.5 + 0.99 * MARGIN)).all():
            return True
    return False


def _shift(
    points: np.ndarray, K: np.ndarray, size: tuple[int, int], axis: int, sign: int
) -> np.ndarray:
    """The least shift (3,) along x or y that takes points (m, 3) beyond an edge."""
    z = np.maximum(points[:, 2], NEAREST)
    edge = (0.5 + sign * (0.5 + MARGIN)) * size[axis]
    wanted = (edge - K[axis, 2]) / K[axis, axis] * z - points[:, axis]
    shift = np.zeros(3)
    shift[axis] = sign * max(0.0, float((wanted * sign).max()))
    return shift

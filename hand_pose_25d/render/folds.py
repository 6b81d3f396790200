"""Skin folds: creases inside bent finger joints, wrinkles on the backs of straight ones.

Each vertex near a joint knows how far along the finger it lies from the crease; the shader draws
lines there.  How strong they are follows the joint's angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .rig import BONES, HandShape, hand_shape, hand_topology
from .vectors import cross

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


@lru_cache(maxsize=800)
def _folds(seed: int) -> _Folds:
    shape, topology = hand_shape(seed), hand_topology()
    count = len(shape.vertices)
    along, nearest = np.full(count, 1.0), np.zeros(count, int)
    inside, back = np.zeros(count), np.zeros(count)
    for number, (f, j, place, _) in enumerate(CREASES):
        start, end = shape.joints[4 * f - 4 + j], shape.joints[4 * f - 3 + j]
        before = start - shape.joints[4 * f - 5 + j] if j > 1 else end - start
        bone = (end - start) / np.linalg.norm(end - start)
        axis = bone + before / np.linalg.norm(before)
        axis /= np.linalg.norm(axis)
        palmar = cross(shape.finger_axes[f - 1], axis)
        offset = shape.vertices - (start + place * (end - start))
        t = offset @ axis
        around = offset - t[:, None] * axis
        side = around @ palmar / np.maximum(np.linalg.norm(around, axis=1), 1e-9)
        own = topology.weights[:, [BONES.index(f"{f}-{k}") for k in range(max(j - 1, 1), j + 1)]]
        share = own.sum(1).clip(0, 1)
        window = np.clip(1 - (t / REACH) ** 2, 0, 1) ** 2 * share
        closer = (share > 0.02) & (np.abs(t) < np.abs(along))
        along[closer], nearest[closer] = t[closer], number
        inside[closer] = (window * np.clip(side * 1.6 - 0.1, 0, 1))[closer]
        back[closer] = (window * np.clip(-side * 1.6 - 0.3, 0, 1))[closer] * (j > 1)
    spread = topology.rough[1]
    return _Folds(
        (spread @ (along.clip(-0.02, 0.02) * 1000)).astype(np.float32), nearest, inside, back
    )


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

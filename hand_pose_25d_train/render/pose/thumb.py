"""Where the thumb goes: a random search for angles that put its pad on a target.

The thumb decides what most gestures mean, so it is not drawn from ranges but placed: on the
folded fingers, on another finger's pad, along the fist's side, across the palm.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.kinematics import forward, pads, thumbs
from hand_pose_25d_train.render.body.rig import HandShape, hand_shape

_DEGREE = np.pi / 180
LOW = np.array([-8.0, 4, -28, -8, -15]) * _DEGREE
HIGH = np.array([72.0, 62, 28, 58, 82]) * _DEGREE
"""Radial, palmar, twist, MCP, IP."""


def random_thumbs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Thumb angles (count, 5) over the whole range."""
    u = rng.random((count, 5))
    u[:, 2] = 0.5 + 0.22 * rng.standard_normal(count).clip(-2, 2)
    return LOW + (HIGH - LOW) * u


def _samples() -> tuple[np.ndarray, np.ndarray]:
    """How the sample points of fingers and palm (40, 21) and thumb (6, 21) mix the joints."""
    mixed = np.zeros((40, 21))
    for f in range(4):
        for j in range(3):
            start = 5 + 4 * f + j
            mixed[7 * f + 2 * j, start] = 1.0
            mixed[7 * f + 2 * j + 1, [start, start + 1]] = 0.5
        mixed[7 * f + 6, [8 + 4 * f, 7 + 4 * f]] = 0.8, 0.2
        for i, t in enumerate((0.45, 0.7, 0.93)):
            mixed[28 + 3 * f + i, [5 + 4 * f, 0]] = t, 1 - t
    thumb = np.zeros((6, 21))
    thumb[0, 2] = thumb[2, 3] = thumb[5, 4] = 1.0
    thumb[1, [2, 3]] = 0.5
    thumb[3, [3, 4]] = 0.6, 0.4
    thumb[4, [3, 4]] = 0.25, 0.75
    return mixed, thumb


_FLESH, _THUMB = _samples()


@lru_cache(maxsize=800)
def _flesh_radii(seed: int) -> np.ndarray:
    shape = hand_shape(seed)
    radii = []
    for f in range(1, 5):
        for j in range(3):
            radii += [shape.radii[f, max(j - 1, 0)] * 0.9, shape.radii[f, j]]
        radii.append(shape.radii[f, 3] * 0.9)
    return np.array(radii + [shape.palm_radius * 0.9] * 12)


def flesh(shape: HandShape, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample points (N, P, 3) and radii (P,) of fingers (28, four times seven) and palm (12)."""
    return _FLESH @ joints, _flesh_radii(shape.seed)


def thumb_points(shape: HandShape, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample points (N, 6, 3) and radii (6,) of the thumb beyond its first third."""
    return _THUMB @ joints, thumb_radii(shape)


def thumb_radii(shape: HandShape) -> np.ndarray:
    """The radii (6,) m of the thumb's sample points."""
    r = shape.radii[0]
    return np.array([min(r[1], 0.011), r[1], r[2], r[2], r[2], r[2] * 0.8])


def penetration(shape: HandShape, joints: np.ndarray, ignore: int | None = None) -> np.ndarray:
    """How far the thumb sinks into the hand: (N,) m, summed; `ignore` skips a fingertip."""
    return sunk(thumb_points(shape, joints), flesh(shape, joints), ignore)


def sunk(
    thumb: tuple[np.ndarray, np.ndarray],
    hand: tuple[np.ndarray, np.ndarray],
    ignore: int | None = None,
) -> np.ndarray:
    """How far `thumb_points` sink into `flesh`, that of each hand or of one: (N,) m, summed."""
    (a, ra), (b, rb) = thumb, hand
    distance = (a**2).sum(-1)[:, :, None] + (b**2).sum(-1)[:, None]
    distance -= 2 * (a @ b.transpose(0, 2, 1))
    depth = 0.92 * (ra[:, None] + rb) - np.sqrt(np.maximum(distance, 0))
    np.maximum(depth, 0, out=depth)
    depth[:, :2, 28:] = 0  # the thumb's ball is part of the palm
    if ignore is not None:
        depth[:, 2:, 7 * (ignore - 1) + 4 : 7 * (ignore - 1) + 7] = 0
    return np.asarray(depth.sum((1, 2)))


def reach_with_thumb(
    shape: HandShape,
    angles: np.ndarray,
    target: np.ndarray,
    facing: np.ndarray | None,
    rng: np.random.Generator,
    slack: float = 0.0,
    solid: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Return `angles` (5, 5) with the thumb's pad on `target` (3,), facing `facing` (3,).

    `solid` gives signed distances of points from something that the thumb must not enter.
    """

    rest = flesh(shape, forward(shape, angles[None])[0])

    def cost(candidates: np.ndarray) -> np.ndarray:
        joints, direction = thumbs(shape, candidates[:, 0])
        tip, before = joints[:, 3], joints[:, 2]
        centre = tip + 0.22 * (before - tip) + direction * shape.radii[0, 3]
        offset = centre - target
        value = np.maximum(np.sqrt(np.einsum("ij,ij->i", offset, offset)) - slack, 0)
        if facing is not None:
            value = value + 0.006 * (1 - direction @ facing)
        points, radii = _THUMB[:, 1:5] @ joints, thumb_radii(shape)
        if solid is not None:
            value = value + np.maximum(0.9 * radii - solid(points), 0)[:, 1:].sum(1)
        return value + 1.2 * sunk((points, radii), rest) + _effort(candidates[:, 0])

    return search_angles(angles, cost, rng, [0])


def pinch(
    shape: HandShape, angles: np.ndarray, fingers: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Return `angles` with the thumb's pad on the pads of `fingers` (1 index ... 4 little)."""

    def cost(candidates: np.ndarray) -> np.ndarray:
        joints, rotations = forward(shape, candidates, (0, *fingers))
        centre, direction = pads(shape, joints, rotations)
        value = 0.0
        for f in fingers:
            value = value + np.linalg.norm(centre[:, 0] - centre[:, f], axis=1)
            value = value + 0.004 * (1 + (direction[:, 0] * direction[:, f]).sum(1))
        return (
            value / len(fingers)
            + 0.6 * penetration(shape, joints, fingers[0])
            + _effort(candidates[:, 0])
        )

    return search_angles(angles, cost, rng, [0, *fingers])


def _effort(thumb: np.ndarray) -> np.ndarray:
    """Twist is the least natural way to get anywhere."""
    return 0.004 * (thumb[:, 2] / (30 * _DEGREE)) ** 2


def search_angles(
    angles: np.ndarray,
    cost: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    moving: list[int],
) -> np.ndarray:
    """Return `angles` (5, 5) with those of the `moving` fingers, thumb first, of the least cost.

    Random search, then three rounds of shrinking Gaussians around the best; `cost` takes (N, 5, 5)
    to (N,).
    """
    count = 260 if len(moving) == 1 else 420
    candidates = np.repeat(angles[None], count, 0)
    candidates[:, 0] = random_thumbs(rng, count)
    for f in moving[1:]:
        mcp = rng.uniform(15, 80, count) * _DEGREE
        pip = rng.uniform(20, 85, count) * _DEGREE
        candidates[:, f] = np.stack(
            [
                mcp,
                angles[f, 1] + rng.normal(0, 0.06, count),
                pip,
                pip * rng.uniform(0.3, 0.75, count),
                np.zeros(count),
            ],
            1,
        )
    values = cost(candidates)
    best = candidates[values.argmin()], values.min()
    for spread in (0.22, 0.1, 0.045):
        near = np.repeat(best[0][None], 70, 0)
        for f in moving:
            near[:, f] += rng.normal(0, spread, (70, 5)) * (
                np.array([1, 0.4, 1, 0.7, 1]) if f else 1
            )
            if f:
                near[:, f, 0] = near[:, f, 0].clip(-15 * _DEGREE, 92 * _DEGREE)
                near[:, f, 2:4] = near[:, f, 2:4].clip(0, 105 * _DEGREE)
            else:
                near[:, 0] = near[:, 0].clip(LOW, HIGH)
        values = cost(near)
        if values.min() < best[1]:
            best = near[values.argmin()], values.min()
    return best[0]

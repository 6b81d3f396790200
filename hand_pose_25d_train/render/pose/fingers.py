"""Fingers by state (extended, folded, half), kept out of each other, and where the thumb goes."""

from __future__ import annotations

import numpy as np

from hand_pose_25d_train.render.body.kinematics import forward
from hand_pose_25d_train.render.body.rig import HandShape
from hand_pose_25d_train.render.pose import thumb
from hand_pose_25d_train.render.vectors import cross_product

_DEGREE = np.pi / 180


def curl(amount: np.ndarray, rng: np.random.Generator, noise: float = 6.0) -> np.ndarray:
    """Finger angles (4, 5) of a curl in [0, 1] per finger."""
    amount = np.broadcast_to(amount, (4,))
    balance = rng.normal(0, 0.18)
    angles = np.zeros((4, 5))
    angles[:, 0] = -6 + 84 * np.clip(amount + balance * amount * (1 - amount) * 2, 0, 1.05)
    angles[:, 2] = 4 + 98 * np.clip(amount - balance * amount * (1 - amount) * 2, 0, 1.05)
    angles[:, 2] += rng.normal(0, noise, 4)
    angles[:, 3] = angles[:, 2] * np.clip(
        rng.normal(0.6, 0.08) + rng.normal(0, 0.06, 4), 0.25, 0.85
    )
    angles[:, 0] += rng.normal(0, noise, 4)
    angles[:, 1] = rng.normal(0, 2.0, 4)
    return limit(angles)


def limit(angles: np.ndarray) -> np.ndarray:
    """Degrees (4, 5) -> radians within a finger's limits; spread fades with flexion."""
    angles[:, 0] = angles[:, 0].clip(-25, 94)
    angles[:, 2] = angles[:, 2].clip(-4, 110)
    angles[:, 3] = angles[:, 3].clip(-8, 78)
    angles[:, 1] *= np.cos(angles[:, 0].clip(0, 80) * _DEGREE) * 0.9 + 0.1
    return angles * _DEGREE


def spread_fingers(rng: np.random.Generator, wide: float | None = None) -> np.ndarray:
    """Spread of index ... little, degrees, about the rest hand's own fan (which is wide)."""
    amount = rng.uniform(-1.0, 0.75) if wide is None else wide
    fan = np.array([8.0, 1.5, -6.0, -12.0]) * amount
    return fan + rng.normal(0, 2.2, 4)


def _extended(rng: np.random.Generator) -> np.ndarray:
    angles = np.zeros((4, 5))
    base = rng.normal(0, 7)
    angles[:, 0] = base + rng.normal(0, 5, 4)
    angles[:, 2] = np.abs(rng.normal(0, 1) * 7 + rng.normal(4, 4, 4))
    angles[:, 3] = angles[:, 2] * 0.6 + rng.normal(0, 3, 4)
    return angles


def states(letters: str, shape: HandShape, rng: np.random.Generator) -> np.ndarray:
    """Angles (5, 5) of fingers given by letters: e extended, f folded, h half, x anything."""
    angles = np.zeros((5, 5))
    extended = _extended(rng)
    extended[:, 1] = spread_fingers(rng)
    extended = limit(extended)
    folded = _folded(rng)
    half = curl(rng.uniform(0.3, 0.65) + rng.normal(0, 0.06, 4), rng)
    anything = curl(rng.random(4), rng)
    for i, state in enumerate(letters[:4]):
        angles[i + 1] = {"e": extended, "f": folded, "h": half, "x": anything}[state][i]
    return close(shape, angles)


def _folded(rng: np.random.Generator) -> np.ndarray:
    angles = np.zeros((4, 5))
    tight = rng.uniform(0.82, 1.05)
    angles[:, 0] = rng.uniform(66, 92) * min(tight, 1.0) + rng.normal(0, 5, 4) + [0, 0, 2, 3]
    angles[:, 2] = 102 * tight + rng.normal(0, 5, 4)
    angles[:, 3] = rng.uniform(30, 68) + rng.normal(0, 6, 4)
    angles[:, 1] = spread_fingers(rng, rng.uniform(-1.2, -0.3))
    return limit(angles)


def close(shape: HandShape, angles: np.ndarray) -> np.ndarray:
    """Open each finger by as little as keeps it out of the palm and out of its neighbours."""
    scales = np.array([1, 0.95, 0.9, 0.85, 0.8, 0.74, 0.67, 0.6])
    candidates = np.repeat(angles[None], len(scales), 0)
    candidates[:, 1:, [0, 2, 3]] *= scales[:, None, None]
    joints, _ = forward(shape, candidates)
    front = 0.6 * shape.palm_radius
    last, tip = joints[:, 7::4], joints[:, 8::4]
    ends = np.stack([last, (last + tip) / 2, tip], 2)  # candidate, finger, point
    over = (ends[..., 1] < shape.joints[5::4, 1, None] * 0.97) & (ends[..., 1] > -0.01)
    sunk = np.where(over, (front + shape.radii[1:, 2])[:, None] - ends[..., 2], 0).max(2)
    free = sunk < 0.0015
    chosen = np.where(free.any(0), free.argmax(0), sunk.argmin(0))
    angles[1:] = candidates[chosen, [1, 2, 3, 4]]
    return _part(shape, angles)


def _part(shape: HandShape, angles: np.ndarray) -> np.ndarray:
    """Spread neighbours that cut into each other."""
    for _ in range(4):
        joints, _ = forward(shape, angles[None])
        points, radii = thumb.flesh(shape, joints)
        points, moved = points[0, :28].reshape(4, 7, 3), False
        across = points[:-1, 1:, None] - points[1:, None, 1:]
        gap = np.sqrt(np.einsum("...i,...i", across, across))
        flesh = radii[:28].reshape(4, 7)
        needed = 0.86 * (flesh[:-1, 1:, None] + flesh[1:, None, 1:])
        for f, depth in enumerate((needed - gap).max((1, 2)).tolist()):
            if depth > 0.0008:
                spread = min(depth / 0.05, 0.08)
                angles[1 : f + 2, 1] += spread / 2
                angles[f + 2 :, 1] -= spread / 2
                moved = True
        if not moved:
            break
    return angles


FREE_THUMBS = {
    "out": ((38, 72), (0, 34), (-8, 14), (-18, 14)),
    "up": ((40, 74), (-6, 24), (-10, 8), (-24, 6)),
    "loose": ((18, 55), (18, 48), (0, 30), (0, 38)),
}
"""Ranges, degrees, of the angles of a thumb that touches nothing: all but the third, its twist."""


def place_thumb(
    shape: HandShape, angles: np.ndarray, how: str, rng: np.random.Generator
) -> np.ndarray:
    """Return the pose with the thumb put: out, up, wrap, side, across, in, loose or any."""
    angles = angles.copy()
    uniform = rng.uniform
    if how in FREE_THUMBS:
        radial, palmar, mcp, ip = FREE_THUMBS[how]
        drawn = [uniform(*radial), uniform(*palmar), rng.normal(0, 8)]
        angles[0] = np.array([*drawn, uniform(*mcp), uniform(*ip)]) * _DEGREE
        return angles
    if how == "any":
        angles[0] = thumb.random_thumbs(rng, 1)[0]
        joints, _ = forward(shape, angles[None])
        target = (
            thumb.thumb_points(shape, joints)[0][0, -1]
            if thumb.penetration(shape, joints)[0] > 0.004
            else None
        )
        return (
            angles
            if target is None
            else thumb.reach_with_thumb(shape, angles, target + [0, 0, 0.02], None, rng, 0.02)
        )
    joints, rotations = forward(shape, angles[None])
    joints = joints[0]
    if how == "wrap":
        # On the outside of the middle phalanx of the folded finger(s) nearest to the thumb.
        folded = [f for f in range(1, 5) if angles[f, 2] > 1.1] or [1]
        f = folded[0] if len(folded) == 1 or uniform() < 0.45 else folded[1]
        if uniform() < 0.25:
            f = folded[int(rng.integers(len(folded)))]
        a, b = joints[2 + 4 * f], joints[3 + 4 * f]
        bone = (b - a) / np.linalg.norm(b - a)
        axis = rotations[0, f, 1] @ shape.finger_axes[f]
        outward = -cross_product(axis, bone)
        target = a + (b - a) * uniform(0.15, 0.9) + outward * shape.radii[f, 1]
        return thumb.reach_with_thumb(shape, angles, target, -outward, rng, 0.002)
    if how == "side":
        f = 1
        a, b = joints[1 + 4 * f], joints[2 + 4 * f]
        outward = np.array([1.0, 0, 0.15])
        target = a + (b - a) * uniform(0.0, 0.75) + outward * shape.radii[f, 0]
        return thumb.reach_with_thumb(
            shape, angles, target, -outward / np.linalg.norm(outward), rng, 0.004
        )
    knuckle = joints[1 + 4 * int(rng.integers(2, 5))]
    target = knuckle * uniform(0.6, 0.95) + np.array([0, 0, 1.15 * shape.palm_radius])
    if how == "in":  # under the fingers; they are folded over it afterwards
        target = target + np.array([0, 0, 0.002])
    return thumb.reach_with_thumb(shape, angles, target, np.array([0, 0, -1.0]), rng, 0.004)

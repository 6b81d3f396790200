"""Finger bones of people's lengths, one by one: shape targets that MakeHuman's body lacks.

Its own target lengthens all fingers at once, over a range of which people's is a fourth, and
leaves the ring finger's middle bone as it is.  Here each bone of a finger has a target that
stretches it along its axis, and carries what lies beyond it along.
"""

from __future__ import annotations

import numpy as np

FINGER_LENGTH = 0.12
"""Standard deviation of the amount of MakeHuman's target for all fingers: 4 % of their length."""
BONE = 0.03
"""Standard deviation of each bone's own length, relative."""
STRETCH = np.array(
    [
        (0.025, 0.0, 0.019),
        (0.076, 0.043, 0.038),
        (0.039, 0.015, 0.067),
        (0.095, -0.031, 0.046),
        (0.15, 0.219, 0.13),
    ]
)
"""Mean stretch of the bones of thumb ... little, from the palm outwards (thumb: metacarpal first),
that brings MakeHuman's mean hand to people's proportions, training/pose/bone_loss.py's."""


def target_name(side: str, finger: int, bone: int) -> str:
    """Return the name of a bone's target: side "l" or "r", finger 1-5, bone 1-3."""
    return f"hands/{side}-bone-{finger}-{bone}"


def bone_targets(
    vertices: np.ndarray,
    weights: np.ndarray,
    bone_names: tuple[str, ...],
    joint_vertices: dict[str, np.ndarray],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the targets: per name the vertices' indices (n,) and displacements (n, 3) m.

    An amount of 1 makes the bone about twice as long.  vertices (V, 3) m of the base mesh, weights
    (V, B) of the rig's bones; joints move with the vertices whose mean they are.
    """
    targets = {}
    for side in "lr":
        for finger in range(1, 6):
            own = [
                weights[:, bone_names.index(f"finger{finger}-{j}.{side.upper()}")]
                for j in (1, 2, 3)
            ]
            joints = [
                vertices[joint_vertices[f"{side}-finger-{finger}-{j}"]].mean(0)
                for j in (1, 2, 3, 4)
            ]
            for j in range(3):
                along = joints[j + 1] - joints[j]
                share = (vertices - joints[j]) @ along / (along @ along)
                moved = own[j] * np.clip(share, 0, 1) + sum(own[j + 1 :])
                index = np.flatnonzero(moved > 0)
                delta = (moved[index, None] * along).astype(np.float32)
                targets[target_name(side, finger, j + 1)] = (index.astype(np.int32), delta)
    return targets


def draw_bones(rng: np.random.Generator) -> dict[str, float]:
    """Draw one person's amounts of these targets, alike on both sides."""
    amounts = STRETCH + rng.normal(0, BONE, STRETCH.shape).clip(-3 * BONE, 3 * BONE)
    return {
        target_name(side, finger, bone): float(amounts[finger - 1, bone - 1])
        for side in "lr"
        for finger in range(1, 6)
        for bone in range(1, 4)
    }

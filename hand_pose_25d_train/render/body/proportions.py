"""Finger bones and palms of people's measures: shape targets that MakeHuman's body lacks.

Its own target lengthens all fingers at once, over a range of which people's is a fourth, and
leaves the ring finger's middle bone as it is.  Here each bone of a finger has a target that
stretches it along its axis, and carries what lies beyond it along; one more widens the palm
towards the knuckles and carries the fingers apart.
"""

from __future__ import annotations

import numpy as np

FINGER_LENGTH = 0.12
"""Standard deviation of the amount of MakeHuman's target for all fingers: 4 % of their length."""
PROPORTION_BONE = 0.03
"""Standard deviation of each bone's own length, relative."""
STRETCH = np.array(
    [
        (0.129, 0.037, 0.084),
        (0.172, 0.095, 0.101),
        (0.119, 0.071, 0.129),
        (0.191, 0.015, 0.101),
        (0.248, 0.335, 0.185),
    ]
)
"""Mean stretch of the bones of thumb ... little, from the palm outwards (thumb: metacarpal first),
that brings MakeHuman's mean hand to people's proportions, evaluation/project/populations.py's."""

_PALM_WIDTH, PALM_WIDTH_DEVIATION = 0.05, 0.04
"""Mean amount of the palm's target, and its standard deviation: index to little knuckle 0.348 of
wrist to middle fingertip.  Medians of open hands in photographs: 0.35 (206 of ASL digits)."""


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
        targets[palm_name(side)] = _widen(vertices, weights, bone_names, joint_vertices, side)
    return targets


def palm_name(side: str) -> str:
    """Return the name of the palm's target: side "l" or "r"."""
    return f"hands/{side}-palm-width"


def _widen(
    vertices: np.ndarray,
    weights: np.ndarray,
    bone_names: tuple[str, ...],
    joint_vertices: dict[str, np.ndarray],
    side: str,
) -> tuple[np.ndarray, np.ndarray]:
    """The palm's target: an amount of 1 doubles the distances between the knuckles.

    Nothing moves on the line wrist - middle knuckle, nor at the wrist; fingers move as wholes.
    """

    def joint(name: str) -> np.ndarray:
        return vertices[joint_vertices[f"{side}-{name}"]].mean(0)

    def weight(*names: str) -> np.ndarray:
        return weights[:, [bone_names.index(f"{n}.{side.upper()}") for n in names]].sum(1)

    def moved(points: np.ndarray) -> np.ndarray:
        out = points - wrist
        share = np.clip(out @ up / length, 0, 1)
        return (share * (out @ across))[..., None] * across

    wrist = joint("hand")
    up = joint("finger-3-1") - wrist
    length = np.linalg.norm(up)
    up = up / length
    across = joint("finger-5-1") - joint("finger-2-1")
    across = across - (across @ up) * up
    across = across / np.linalg.norm(across)
    palm = weight("wrist", *(f"metacarpal{i}" for i in range(1, 5)))
    delta = palm[:, None] * moved(vertices)
    for finger in range(1, 6):
        whole = weight(*(f"finger{finger}-{j}" for j in (1, 2, 3)))
        delta += whole[:, None] * moved(joint(f"finger-{finger}-1"))
    index = np.flatnonzero(np.abs(delta).max(1) > 1e-6)
    return index.astype(np.int32), delta[index].astype(np.float32)


def sample_bones(rng: np.random.Generator) -> dict[str, float]:
    """Draw one person's amounts of these targets, alike on both sides."""
    amounts = STRETCH + rng.normal(0, PROPORTION_BONE, STRETCH.shape).clip(
        -3 * PROPORTION_BONE, 3 * PROPORTION_BONE
    )
    wide = _PALM_WIDTH + PALM_WIDTH_DEVIATION * float(rng.normal())
    return {
        target_name(side, finger, bone): float(amounts[finger - 1, bone - 1])
        for side in "lr"
        for finger in range(1, 6)
        for bone in range(1, 4)
    } | {palm_name(side): wide for side in "lr"}

"""Body shapes: people of every sex, age, ancestry, build and finger length.

A shape is drawn from a seed; MakeHuman's macro targets multiply (ancestry x sex x age, and sex x
age x muscle x weight), as in its own modelling tool.  Hands outside the human range are redrawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .assets import BodyData

MIN_HAND_LENGTH, MAX_HAND_LENGTH = 0.125, 0.225
"""Metres, wrist - middle fingertip: a child of five to a very large man."""

HAND_JOINTS: tuple[str, ...] = ("hand",) + tuple(
    f"finger-{finger}-{joint}" for finger in range(1, 6) for joint in range(1, 5)
)
"""Rig joints in the keypoints' order; prefix with `r-` or `l-`."""


@dataclass(frozen=True)
class Shape:
    """One person's rest shape."""

    seed: int
    vertices: np.ndarray
    """(V, 3) float32 m, all vertices, symmetric left to right."""
    joints: dict[str, np.ndarray] = field(repr=False)
    """Rest position (3,) of each joint."""
    male: float
    age: float
    """0 baby, 0.19 child, 0.5 young, 1 old."""

    def hand_joints(self, side: str = "r") -> np.ndarray:
        """Return the rest keypoints (21, 3) of the hand `r` or `l`."""
        return np.stack([self.joints[f"{side}-{name}"] for name in HAND_JOINTS])


def sample_shape(body: BodyData, seed: int) -> Shape:
    """Return the person of this seed."""
    rng = np.random.default_rng([seed, 7001])
    for _ in range(64):
        shape = _draw(body, seed, rng)
        points = shape.hand_joints()
        if MIN_HAND_LENGTH <= np.linalg.norm(points[12] - points[0]) <= MAX_HAND_LENGTH:
            return shape
    raise RuntimeError(f"no hand in the human range within 64 draws for body seed {seed}")


def _draw(body: BodyData, seed: int, rng: np.random.Generator) -> Shape:
    ancestry = rng.dirichlet((0.5, 0.5, 0.5))
    male = float(np.clip(rng.beta(0.4, 0.4), 0, 1))
    age = float(rng.uniform(0.12, 0.42) if rng.random() < 0.22 else rng.uniform(0.42, 1.0))
    muscle = float(np.clip(rng.normal(0.5, 0.22), 0, 1))
    weight = float(np.clip(rng.normal(0.5, 0.25), 0, 1))
    height = float(np.clip(rng.normal(0.0, 0.4), -1, 1))

    sexes = {"female": 1 - male, "male": male}
    ages = _ladder(age, (0.0, 0.1875, 0.5, 1.0), ("baby", "child", "young", "old"))
    muscles = _ladder(muscle, (0, 0.5, 1), ("minmuscle", "averagemuscle", "maxmuscle"))
    weights = _ladder(weight, (0, 0.5, 1), ("minweight", "averageweight", "maxweight"))
    amounts: dict[str, float] = {}
    for sex, a in sexes.items():
        for years, b in ages.items():
            for people, c in zip(("african", "asian", "caucasian"), ancestry, strict=True):
                amounts[f"macrodetails/{people}-{sex}-{years}"] = a * b * c
            for m, c in muscles.items():
                for w, d in weights.items():
                    amounts[f"macrodetails/universal-{sex}-{years}-{m}-{w}"] = a * b * c * d
                    tall = "maxheight" if height > 0 else "minheight"
                    amounts[f"macrodetails/height/{sex}-{years}-{m}-{w}-{tall}"] = (
                        a * b * c * d * abs(height)
                    )
    for detail, spread in (
        ("hand-fingers-length", 0.45),
        ("hand-fingers-diameter", 0.5),
        ("hand-fingers-distance", 0.4),
        ("hand-scale", 0.3),
        ("lowerarm-fat", 0.4),
        ("lowerarm-muscle", 0.4),
    ):
        amount = float(np.clip(rng.normal(0, spread), -1, 1))
        folder = "hands" if detail.startswith("hand") else "arms"
        for side in "lr":
            name = f"{folder}/{side}-{detail}-{'incr' if amount > 0 else 'decr'}"
            amounts[name] = abs(amount)
    vertices = body.vertices.copy()
    for name, amount in amounts.items():
        if amount > 1e-4 and name in body.targets:
            index, delta = body.targets[name]
            vertices[index] += delta * np.float32(amount)
    joints = {name: vertices[ids].mean(0) for name, ids in body.joint_vertices.items()}
    return Shape(seed, vertices, joints, male, age)


def _ladder(x: float, knots: tuple[float, ...], names: tuple[str, ...]) -> dict[str, float]:
    """Piecewise linear weights of the two neighbours of x."""
    i = int(np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2))
    t = (x - knots[i]) / (knots[i + 1] - knots[i])
    return {names[i]: 1 - t, names[i + 1]: t}

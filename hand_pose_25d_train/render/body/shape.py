"""Body shapes: people of every sex, age, ancestry, build and finger length.

A shape is drawn from a seed; MakeHuman's macro targets multiply (ancestry x sex x age, and sex x
age x muscle x weight), as in its own modelling tool.  Hands outside the human range are redrawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from hand_pose_25d.io.rendered_joints import to_network_keypoints
from hand_pose_25d.reconstruction.bone_length_prior import HAND_LENGTH_BONES, BoneLengthPrior
from hand_pose_25d.skeleton import bone_lengths
from hand_pose_25d_train.render.body.assets import TEXTURE_SIZE, BodyData, load_body
from hand_pose_25d_train.render.body.proportions import FINGER_LENGTH, sample_bones

LEAST = 1e-4
"""A target of a smaller amount, either way, is left out."""

MIN_HAND_LENGTH, MAX_HAND_LENGTH = 0.11, 0.225
"""Metres, wrist - middle fingertip: a small child of seven to a very large man."""
GROWN = ((7.0, 0.73), (10.0, 0.82), (13.0, 0.91), (17.0, 1.0))
"""Ages in years, and a child's hand over an adult's: to 13, statures of Copenhagen's schools
(evaluation/project/populations.py) over ANSUR II's; then straight on to the adult's."""
POSED = 0.973
"""Wrist to middle fingertip along the network's keypoints: mean over poses over the rest pose."""

HAND_JOINTS: tuple[str, ...] = ("hand",) + tuple(
    f"finger-{finger}-{joint}" for finger in range(1, 6) for joint in range(1, 5)
)
"""Rig joints in the keypoints' order; prefix with `r-` or `l-`."""


@dataclass(frozen=True)
class TargetTable:
    """The shape targets of some vertices as one matrix, to draw many people's quickly."""

    base: np.ndarray
    """(n, 3) float32 m."""
    rows: dict[str, int]
    matrix: np.ndarray
    """(T, 3n) float32."""

    @classmethod
    def of(cls, body: BodyData, ids: np.ndarray) -> TargetTable:
        """Make the table of the vertices `ids` (n,), each listed once."""
        place = np.full(len(body.vertices), -1)
        place[ids] = np.arange(len(ids))
        rows: dict[str, int] = {}
        displacements: list[np.ndarray] = []
        for name, (index, delta) in body.targets.items():
            here = place[index]
            if (here >= 0).any():
                rows[name] = len(displacements)
                displacement = np.zeros((len(ids), 3), np.float32)
                displacement[here[here >= 0]] = delta[here >= 0]
                displacements.append(displacement.ravel())
        return cls(body.vertices[ids], rows, np.stack(displacements))

    def at(self, amounts: dict[str, float]) -> np.ndarray:
        """Return the vertices (n, 3) float32 m of a person of these amounts of the targets."""
        used = {self.rows[n]: a for n, a in amounts.items() if n in self.rows and abs(a) > LEAST}
        weights = np.array(list(used.values()), np.float32)
        return self.base + (weights @ self.matrix[list(used)]).reshape(-1, 3)


@dataclass(frozen=True)
class Shape:
    """One person's rest shape."""

    seed: int
    body: BodyData = field(repr=False)
    amounts: dict[str, float] = field(repr=False)
    """Per shape target its weight."""
    male: float
    age: float
    """0 baby, 0.19 child, 0.5 young, 1 old."""

    @cached_property
    def vertices(self) -> np.ndarray:
        """(V, 3) float32 m, all vertices, symmetric left to right (takes a while; kept)."""
        vertices = self.body.vertices.copy()
        for name, amount in self.amounts.items():
            if abs(amount) > LEAST and name in self.body.targets:
                index, delta = self.body.targets[name]
                vertices[index] += delta * np.float32(amount)
        return vertices

    @cached_property
    def joints(self) -> dict[str, np.ndarray]:
        """Rest position (3,) of each joint."""
        members = np.stack(list(self.body.joint_vertices.values()))
        return dict(zip(self.body.joint_vertices, self.vertices[members].mean(1), strict=True))

    @cached_property
    def arm_joints(self) -> np.ndarray:
        """Rest positions (22, 3) of the right hand's keypoints and the elbow, quickly."""
        return _arm_joints(self.amounts)

    def hand_joints(self) -> np.ndarray:
        """Return the rest keypoints (21, 3) of the right hand."""
        return self.arm_joints[:21]


@lru_cache(maxsize=1)
def _arm_table() -> tuple[TargetTable, np.ndarray]:
    """The vertices about the arm's joints, and which (22, 8) of them make each joint."""
    body = load_body()
    names = [f"r-{name}" for name in (*HAND_JOINTS, "elbow")]
    ids, inverse = np.unique([body.joint_vertices[n] for n in names], return_inverse=True)
    return TargetTable.of(body, ids), inverse.reshape(len(names), -1)


def _arm_joints(amounts: dict[str, float]) -> np.ndarray:
    table, members = _arm_table()
    return table.at(amounts)[members].mean(1)


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
        ("hand-fingers-length", FINGER_LENGTH),
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
    amounts |= sample_bones(rng)
    return _of_hand_length(Shape(seed, body, amounts, male, age), rng)


def _of_hand_length(shape: Shape, rng: np.random.Generator) -> Shape:
    """Return the person enlarged or made smaller until the hand is as long as one drawn for it."""
    points = to_network_keypoints(shape.hand_joints(), True)
    chain = POSED * float(bone_lengths(points)[list(HAND_LENGTH_BONES)].sum())
    length = sample_hand_length(shape.male, shape.age, rng)
    scale = length / BoneLengthPrior.default().ruler / chain
    amounts = {name: scale * amount for name, amount in shape.amounts.items()}
    return replace(shape, amounts=amounts | {TEXTURE_SIZE: scale - 1})


def sample_hand_length(male: float, age: float, rng: np.random.Generator) -> float:
    """Draw the length of a hand by a ruler, m: adults' as measured, children's by their age.

    male 0 to 1, age as MakeHuman's (`Shape.age`).
    """
    mean = deviation = 0.0
    for name, share in (("man", male), ("woman", 1 - male)):
        population = BoneLengthPrior.population(name)
        mean += share * population.hand_length
        deviation += share * population.hand_length_deviation
    years = float(np.interp(age, (0.0, 0.1875, 0.5), (1.0, 10.0, 25.0)))
    grown = float(np.interp(years, *np.transpose(GROWN)))
    return grown * (mean + deviation * float(np.clip(rng.normal(), -3, 3)))


def _ladder(x: float, knots: tuple[float, ...], names: tuple[str, ...]) -> dict[str, float]:
    """Piecewise linear weights of the two neighbours of x."""
    i = int(np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2))
    t = (x - knots[i]) / (knots[i + 1] - knots[i])
    return {names[i]: 1 - t, names[i + 1]: t}

"""What it costs to know of a person only the population: distances of hands drawn from one.

Hands of one population are reconstructed with the prior of the same or of another; all else is as
in geometry.py.  Adults are drawn as men and women, half and half, whose sizes ANSUR measured.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d_train.evaluation.project.geometry import judge
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands, sample_lengths
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise, noisy_observation

PAIRS = (
    ("adult", "adult"),
    ("man", "adult"),
    ("woman", "adult"),
    ("man", "man"),
    ("woman", "woman"),
    ("child", "child"),
    ("child", "adult"),
    ("child", "anyone"),
    ("adult", "anyone"),
)
"""Whose hands, and the prior they are reconstructed with."""


@dataclass(frozen=True)
class PopulationErrors:
    """Errors of the wrist's depth over its distance, and the covariance's honesty: fractions."""

    median: float
    bias: float
    """Median of the signed error: below zero, hands are put too near."""
    inside: float
    """Keypoints inside the 95 % ellipsoid."""


def draw_lengths(population: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the bone lengths (count, 20) m of a population's people."""
    sexes = ("man", "woman") if population == "adult" else (population,)
    parts = np.array_split(np.arange(count), len(sexes))
    return np.concatenate(
        [
            sample_lengths(BoneLengthPrior.population(sex), len(part), rng)
            for sex, part in zip(sexes, parts, strict=True)
        ]
    )


def population_errors(
    hands_of: str,
    prior_of: str,
    count: int,
    seed: int,
    distance: tuple[float, float] = (0.4, 0.9),
) -> PopulationErrors:
    """Reconstruct a population's hands with a population's prior, of the same or another name."""
    rng = np.random.default_rng(seed)
    prior = BoneLengthPrior.population(prior_of)
    hands = sample_hands(prior, count, rng, distance, lengths=draw_lengths(hands_of, count, rng))
    found = noisy_observation(hands, Noise(), rng).solve(prior)
    true = hands.keypoints[found.valid][:, WRIST, 2]
    error = found.root_depth[found.valid] / true - 1
    return PopulationErrors(
        float(np.median(np.abs(error))),
        float(np.median(error)),
        judge(found, hands.keypoints)["in ellipsoid"],
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--hands", type=int, default=2000, help="a row (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Print the table over PAIRS.  Raises ValueError for too few hands."""
    if args.hands < 2:
        raise ValueError(f"needs --hands of at least 2, got {args.hands}")
    print("| hands of | prior | median error | bias | in ellipsoid |\n|---|---|---|---|---|")
    for hands_of, prior_of in PAIRS:
        found = population_errors(hands_of, prior_of, args.hands, args.seed)
        print(
            f"| {hands_of} | {prior_of} | {found.median:.1%} | {found.bias:+.1%} | "
            f"{found.inside:.1%} |"
        )
    return 0

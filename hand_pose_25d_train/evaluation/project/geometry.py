"""How well a noisy 2.5D pose becomes metres: the geometry on its own, without a network.

Hands by forward kinematics, rotated at random, are projected; pixels and relative depths get
seeded Gaussian noise; the reconstruction gets them with their true covariances.  The table says
how far off the root's depth and the keypoints are, by what is known about the size: everything
(true bone lengths), nothing but the population, or a hand-size calibration from other images.
"In ellipsoid" is how many true keypoints lie inside the 95 % ellipsoid of their covariance.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from hand_pose_25d.reconstruction.bone_length_prior import POPULATIONS, BoneLengthPrior
from hand_pose_25d.reconstruction.hand_calibration import calibrate
from hand_pose_25d.reconstruction.reconstruct import Reconstruction
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d.tracking.motion_filter import MotionFilter
from hand_pose_25d_train.evaluation.project.kinematic_hand import KinematicHands, sample_hands
from hand_pose_25d_train.evaluation.project.simulated_poses import (
    Noise,
    SimulatedPoses,
    noisy_observation,
)
from hand_pose_25d_train.evaluation.project.wrist_errors import wrist_table

_CHI2_95 = 7.8147
"""The 95 % point of the chi-square distribution with three degrees of freedom."""
CALIBRATION_IMAGES = 30
_COLUMNS = (
    "depth mean",
    "depth median",
    "depth 95 %",
    "keypoint median",
    "root-relative MPJPE",
    "in ellipsoid",
    "failed",
)


def judge(found: Reconstruction, truth: np.ndarray) -> dict[str, float]:
    """Return the table's figures: millimetres, and fractions of keypoints and of hands."""
    ok = found.valid
    difference = found.keypoints[ok] - truth[ok]
    depth = np.abs(found.root_depth[ok] - truth[ok][:, WRIST, 2])
    relative = difference - difference[:, [WRIST]]
    solved = np.linalg.solve(found.covariance[ok], difference[..., None])[..., 0]
    inside = (difference * solved).sum(-1) < _CHI2_95
    figures = (
        1e3 * depth.mean(),
        1e3 * np.median(depth),
        1e3 * np.percentile(depth, 95),
        1e3 * np.median(np.linalg.norm(difference, axis=-1)),
        1e3 * np.linalg.norm(relative, axis=-1)[:, 1:].mean(),
        inside.mean(),
        1.0 - ok.mean(),
    )
    return dict(zip(_COLUMNS, (float(f) for f in figures), strict=True))


def evaluate_geometry(
    count: int,
    seed: int,
    noise: Noise,
    distance: tuple[float, float],
    population: str = "adult",
) -> dict[str, dict[str, float]]:
    """Return the table: a row for each method and each thing known about the hand's size."""
    rng = np.random.default_rng(seed)
    prior = BoneLengthPrior.population(population)
    hands = sample_hands(prior, count, rng, distance)
    poses, truth = noisy_observation(hands, noise, rng), hands.keypoints
    exact = [BoneLengthPrior.exact(lengths, prior.ruler) for lengths in hands.lengths]
    length = [prior.with_hand_length(one.hand_length) for one in exact]
    measured, stood, scaled = _calibrated(hands, prior, noise, distance, rng)
    rows = {
        "true bone lengths, closed form": poses.solve(exact, "closed_form"),
        "true bone lengths": poses.solve(exact),
        "hand length measured": poses.solve(length),
        "hand length measured, 30 images": poses.solve(measured),
        "wrist distance known, 30 images": poses.solve(stood),
        "the same, scale alone": poses.solve(scaled),
        "population, closed form": poses.solve(prior, "closed_form"),
        "population": poses.solve(prior),
    }
    return {name: judge(found, truth) for name, found in rows.items()}


def _calibrated(
    hands: KinematicHands,
    prior: BoneLengthPrior,
    noise: Noise,
    distance: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[list[BoneLengthPrior], ...]:
    """Calibrate each hand's person on other images: by its length, and by a known distance.

    The third list has of the calibration by distance the scale alone, not each bone.
    """
    by_length, by_distance, by_scale = [], [], []
    for lengths in hands.lengths:
        same = np.tile(lengths, (CALIBRATION_IMAGES, 1))
        images = sample_hands(prior, CALIBRATION_IMAGES, rng, distance, lengths=same)
        images = _at_distance(images, 0.6)
        found = noisy_observation(images, noise, rng).solve(prior).keypoints
        person = BoneLengthPrior.exact(lengths, prior.ruler)
        by_length.append(calibrate(found, prior, hand_length=person.hand_length).prior)
        by_distance.append(calibrate(found, prior, wrist_distance=0.6).prior)
        seen = np.linalg.norm(found[:, WRIST], axis=-1)
        by_scale.append(prior.scaled(float(np.nanmedian(0.6 / seen))))
    return by_length, by_distance, by_scale


def _at_distance(hands: KinematicHands, distance: float) -> KinematicHands:
    """Move hands along their wrists' rays until these are `distance` metres away."""
    wrist = hands.keypoints[:, [WRIST]]
    ray = wrist / np.linalg.norm(wrist, axis=-1, keepdims=True)
    return KinematicHands(hands.keypoints - wrist + distance * ray, hands.lengths, hands.is_right)


def simulated_jitter(
    seed: int, noise: Noise, images: int = 300, rate: float = 30.0
) -> tuple[float, float]:
    """Return the RMS step of a still hand's keypoints between images, mm: without, with filter."""
    rng = np.random.default_rng(seed)
    prior = BoneLengthPrior.default()
    hand = sample_hands(prior, 1, rng, (0.6, 0.6))
    still = KinematicHands(np.repeat(hand.keypoints, images, 0), hand.lengths, hand.is_right)
    found = noisy_observation(still, noise, rng).solve(prior)
    smooth = MotionFilter()
    filtered = np.array(
        [
            smooth(i / rate, *row).keypoints
            for i, row in enumerate(
                zip(found.keypoints, found.covariance, found.palm_covariance, strict=True)
            )
        ]
    )
    steps = [np.diff(track[images // 10 :], axis=0) for track in (found.keypoints, filtered)]
    raw, after = (1e3 * float(np.sqrt((step**2).sum(-1).mean())) for step in steps)
    return raw, after


def timing(poses: SimulatedPoses, prior: BoneLengthPrior, times: int) -> tuple[float, float]:
    """Return milliseconds a hand in calls with all these poses: the best, and the median."""
    samples = []
    for _ in range(times):
        start = time.perf_counter()
        poses.solve(prior)
        samples.append(time.perf_counter() - start)
    scale = 1e3 / len(poses.xy)
    return scale * min(samples), scale * float(np.median(samples))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--hands", type=int, default=2000, help="poses (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--population", choices=POPULATIONS, default="adult", help="whose hands (%(default)s)"
    )
    parser.add_argument("--pixels", type=float, default=1.5, help="pixel noise, px")
    parser.add_argument("--depth", type=float, default=0.004, help="relative-depth noise, m")
    parser.add_argument("--focal", type=float, default=600.0, help="focal length, px")
    parser.add_argument(
        "--distance", type=float, nargs=2, default=(0.4, 0.9), metavar=("NEAR", "FAR"), help="m"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    near, far = args.distance
    if args.hands < 2 or not 0.1 <= near <= far:
        raise ValueError("needs --hands of at least 2 and --distance with 0.1 <= NEAR <= FAR")
    noise = Noise(args.pixels, args.depth, args.focal)
    table = evaluate_geometry(args.hands, args.seed, noise, (near, far), args.population)
    print(
        f"{args.hands} hands ({args.population}) at {near:g} to {far:g} m, focal length "
        f"{args.focal:g} px, noise {args.pixels:g} px and {1e3 * args.depth:g} mm, seed "
        f"{args.seed}; errors in mm\n"
    )
    print(f"| known of the hand's size | {' | '.join(_COLUMNS)} |")
    print("|---" * (len(_COLUMNS) + 1) + "|")
    for name, row in table.items():
        *errors, inside, failed = row.values()
        cells = [*(f"{e:.1f}" for e in errors), f"{100 * inside:.1f} %", f"{100 * failed:.1f} %"]
        print(f"| {name} | {' | '.join(cells)} |")
    print("\nThe wrist's pose, medians:\n")
    print("\n".join(wrist_table(max(args.hands // 4, 2), args.seed, noise, args.population)))
    rng = np.random.default_rng(args.seed)
    prior = BoneLengthPrior.default()
    poses = noisy_observation(sample_hands(prior, 1000, rng, (near, far)), noise, rng)
    print()
    for part, name, times in ((poses.take(slice(1)), "one hand", 200), (poses, "1,000 hands", 3)):
        best, median = timing(part, prior, times)
        print(f"{name} in one call: {best:.2f} ms a hand at best, {median:.2f} in the median")
    raw, smooth = simulated_jitter(args.seed, noise)
    print(f"still hand at 0.6 m, from image to image: {raw:.1f} mm, with the filter {smooth:.1f}")
    return 0

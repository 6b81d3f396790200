"""How far off the wrist's pose is, and how far off its covariance says that it is."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from hand_pose_25d.geometry.wrist_frame import wrist_pose, wrist_rotation
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.reconstruct import Reconstruction
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d_train.evaluation.project.kinematic_hand import KinematicHands, sample_hands
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise, noisy_observation

DISTANCES = (0.4, 0.65, 1.5)
"""Metres, at which `wrist_table` measures."""
CHI2_MEDIANS = {3: 0.7887, 6: 0.8914}
"""Medians of chi-square over its degrees of freedom: what `nees` is of an honest covariance."""


class WristErrors(NamedTuple):
    """Errors of N wrist poses that were found."""

    errors: np.ndarray
    """(N, 6) of position (m) and rotation about the camera's axes (rad)."""
    claimed: np.ndarray
    """(N, 6, 6) covariances of these."""


def wrist_errors(
    found: Reconstruction, truth: KinematicHands, palm_covariance: np.ndarray | None = None
) -> WristErrors:
    """Compare the wrist's poses with the true ones.

    palm_covariance: (N, 12, 12), instead of the reconstruction's own.
    """
    palm = found.palm_covariance if palm_covariance is None else palm_covariance
    errors, claimed = [], []
    for i in np.flatnonzero(found.valid):
        is_right = bool(truth.is_right[i])
        pose = wrist_pose(found.keypoints[i], palm[i], is_right)
        true_rotation = wrist_rotation(truth.keypoints[i], is_right)
        turn = cv2.Rodrigues(pose.rotation @ true_rotation.T)[0][:, 0]
        errors.append(np.concatenate([pose.position - truth.keypoints[i, WRIST], turn]))
        claimed.append(pose.covariance)
    return WristErrors(np.array(errors), np.array(claimed))


def nees(errors: np.ndarray, claimed: np.ndarray) -> np.ndarray:
    """Return normalised estimation errors squared over the degrees of freedom: (N, D) -> (N,)."""
    solved = np.linalg.solve(claimed, errors[..., None])[..., 0]
    return (errors * solved).sum(-1) / errors.shape[1]


def wrist_table(count: int, seed: int, noise: Noise, population: str = "adult") -> list[str]:
    """Return the rows of a table: medians of rotation errors and of what is claimed, degrees."""
    rng = np.random.default_rng(seed)
    prior = BoneLengthPrior.population(population)
    lines = [
        "| hand's size | distance | rotation error | claimed | NEES/3 (0.79) | NEES/6 (0.89) |",
        "|---|---|---|---|---|---|",
    ]
    for distance in DISTANCES:
        hands = sample_hands(prior, count, rng, (distance, distance))
        poses = noisy_observation(hands, noise, rng)
        exact = [BoneLengthPrior.exact(lengths) for lengths in hands.lengths]
        for name, known in (("population", prior), ("true bone lengths", exact)):
            errors, claimed = wrist_errors(poses.solve(known), hands)
            turn = np.linalg.norm(errors[:, 3:], axis=-1)
            sigma = np.sqrt(np.trace(claimed[:, 3:, 3:], axis1=1, axis2=2))
            rotation, whole = nees(errors[:, 3:], claimed[:, 3:, 3:]), nees(errors, claimed)
            lines.append(
                f"| {name} | {distance:g} m | {np.degrees(np.median(turn)):.1f} deg "
                f"| {np.degrees(np.median(sigma)):.1f} deg | {np.median(rotation):.2f} "
                f"| {np.median(whole):.2f} |"
            )
    return lines

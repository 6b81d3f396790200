"""Noisy 2.5D poses of hands whose keypoints are known: what a network would predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.error_model import INDEPENDENT
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d.reconstruction.reconstruct import Method, Reconstruction, reconstruct
from hand_pose_25d.skeleton import NUM_KEYPOINTS, WRIST
from hand_pose_25d_train.evaluation.project.kinematic_hand import KinematicHands


@dataclass(frozen=True)
class Noise:
    """What is wrong with the 2.5D poses: standard deviations."""

    pixels: float = 1.5
    depth: float = 0.004
    """Metres, of each keypoint's depth relative to the root."""
    focal: float = 600.0
    """Pixels; only its ratio with `pixels` matters."""


@dataclass(frozen=True)
class SimulatedPoses:
    """Noisy 2.5D poses and the covariances of their noise."""

    xy: np.ndarray
    relative_depth: np.ndarray
    xy_covariance: np.ndarray
    depth_variance: np.ndarray

    def solve(
        self, prior: BoneLengthPrior | Sequence[BoneLengthPrior], method: Method = "map"
    ) -> Reconstruction:
        """Reconstruct them."""
        return reconstruct(
            self.xy,
            self.relative_depth,
            self.xy_covariance,
            self.depth_variance,
            prior,
            method,
            INDEPENDENT,
        )

    def take(self, index: slice | np.ndarray) -> SimulatedPoses:
        """Return the poses of this index."""
        return SimulatedPoses(
            self.xy[index],
            self.relative_depth[index],
            self.xy_covariance[index],
            self.depth_variance[index],
        )


def noisy_observation(
    hands: KinematicHands, noise: Noise, rng: np.random.Generator
) -> SimulatedPoses:
    """Return the 2.5D poses of hands, with noise."""
    pose = encode(hands.keypoints)
    count = len(pose.scale)
    pixel, depth = noise.pixels / noise.focal, (noise.depth / pose.scale)[:, None]
    relative = pose.relative_depth + depth * rng.standard_normal(pose.relative_depth.shape)
    relative[:, WRIST] = 0.0
    return SimulatedPoses(
        pose.xy + pixel * rng.standard_normal(pose.xy.shape),
        relative,
        np.broadcast_to(np.eye(2) * pixel**2, (count, NUM_KEYPOINTS, 2, 2)),
        np.broadcast_to(depth**2, (count, NUM_KEYPOINTS)),
    )

"""Hands by forward kinematics: ground truth for geometry, without a body mesh.

Bone lengths come from a prior, joint angles from the range that hands have (limits of
Lin, Wu and Huang, "Modeling the Constraints of Human Hand Motion", 2000), curl shared between
fingers as in real hands.  It makes poses, not images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import FINGERS

# Degrees from the palm's axis, towards the thumb, and out of the palm's plane (towards the palm),
# of wrist - thumb CMC and wrist - MCP: an arched palm.
_PALM_ANGLE = {"thumb": 42.0, "index": 13.0, "middle": 1.0, "ring": -10.0, "little": -21.0}
_PALM_ARCH = {"thumb": 18.0, "index": 2.0, "middle": 0.0, "ring": 2.0, "little": 6.0}


@dataclass(frozen=True)
class KinematicHands:
    """Ground truth of N hands, in a camera's optical frame."""

    keypoints: np.ndarray
    """(N, 21, 3) metres."""
    lengths: np.ndarray
    """(N, 20) metres."""
    is_right: np.ndarray
    """(N,) bool."""


def sample_lengths(
    prior: BoneLengthPrior, count: int, rng: np.random.Generator, within: float = 3.0
) -> np.ndarray:
    """Draw (count, 20) bone lengths of people; none farther than `within` deviations off."""
    values, vectors = np.linalg.eigh(prior.covariance)
    drawn = np.clip(rng.standard_normal((count, 20)), -within, within)
    lengths = prior.mean + (drawn * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.maximum(lengths, 0.3 * prior.mean)


def sample_hands(
    prior: BoneLengthPrior,
    count: int,
    rng: np.random.Generator,
    distance: tuple[float, float] = (0.4, 0.9),
    off_axis: float = 0.0,
    lengths: np.ndarray | None = None,
) -> KinematicHands:
    """Draw hands of random people, poses and orientations.

    distance: range of the depth of the hand's middle, metres; off_axis: the largest angle of its
    direction with the optical axis, radians; lengths: (count, 20) metres, instead of random
    people's.  Every keypoint is at least 5 cm before the camera.
    """
    if lengths is None:
        lengths = sample_lengths(prior, count, rng)
    is_right = rng.random(count) < 0.5
    local = pose_hands(lengths, rng)
    local[..., 0] *= np.where(is_right, 1.0, -1.0)[:, None]
    points = local @ _rotations(count, rng).swapaxes(-1, -2)
    points -= (points.max(1, keepdims=True) + points.min(1, keepdims=True)) / 2
    depth = rng.uniform(*distance, count)
    angle = np.arccos(rng.uniform(np.cos(off_axis), 1.0, count))
    azimuth = rng.uniform(0, 2 * np.pi, count)
    offset = depth[:, None] * np.stack(
        [np.tan(angle) * np.cos(azimuth), np.tan(angle) * np.sin(azimuth), np.ones(count)], -1
    )
    points = points + offset[:, None]
    points[..., 2] += np.maximum(0.05 - points[..., 2].min(1), 0.0)[:, None]
    return KinematicHands(points, lengths, is_right)


def pose_hands(lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bend right hands of given bone lengths (N, 20) at random: (N, 21, 3).

    Frame: wrist at the origin, x to the thumb's side, y to the fingers, z out of the palm.
    """
    count = len(lengths)
    points = np.zeros((count, 21, 3))
    fist = rng.beta(0.7, 0.9, count)  # how closed the hand is as a whole
    for finger, chain in FINGERS.items():
        bones = lengths[:, [k - 1 for k in chain]]
        palm = np.radians(_PALM_ANGLE[finger] + rng.normal(0, 2, count))
        arch = np.radians(_PALM_ARCH[finger] + rng.normal(0, 2, count))
        if finger == "thumb":
            spread = np.radians(rng.uniform(5, 70, count))
            pitch = np.radians(rng.uniform(-10, 55, count))
            bends = np.radians([rng.uniform(-5, 55, count), rng.uniform(-15, 75, count)])
            axis = _direction(spread - np.pi / 2, np.radians(rng.uniform(20, 70, count)))
        else:
            curl = np.clip(0.6 * fist + 0.4 * rng.beta(0.5, 0.6, count), 0, 1)
            pitch = np.radians(rng.uniform(-20, 15, count)) + curl * np.radians(80)
            spread = palm * 0.7 + np.radians(rng.normal(0, 8, count)) * (1 - curl)
            proximal = curl * np.radians(rng.uniform(60, 105, count))
            bends = np.stack([proximal, proximal * rng.uniform(0.45, 0.8, count)])
            axis = _direction(spread - np.pi / 2, np.zeros(count))
        direction = _direction(spread, pitch)
        point = bones[:, :1] * _direction(palm, arch)
        points[:, chain[0]] = point
        for k, keypoint in enumerate(chain[1:]):
            if k:
                direction = _rotated(direction, axis, bends[k - 1])
            point = point + bones[:, k + 1 : k + 2] * direction
            points[:, keypoint] = point
    return points


def _direction(sideways: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Unit vectors (N, 3): rotated from y towards x, then pitched towards z (radians)."""
    flat = np.cos(pitch)
    return np.stack([flat * np.sin(sideways), flat * np.cos(sideways), np.sin(pitch)], -1)


def _rotated(vectors: np.ndarray, axes: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Rodrigues' formula, rotating so that a positive angle bends y towards z about -x."""
    axes = -axes / np.linalg.norm(axes, axis=-1, keepdims=True)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    along = (axes * vectors).sum(-1, keepdims=True)
    return vectors * cos + np.cross(axes, vectors) * sin + axes * along * (1 - cos)


def _rotations(count: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform rotations (count, 3, 3), from unit quaternions."""
    q = rng.standard_normal((count, 4))
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], -1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], -1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], -1),
        ],
        1,
    )

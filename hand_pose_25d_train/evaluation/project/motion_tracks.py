"""Hands over time, as they are reconstructed and as they are: simulated, of clips, and at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.clips import Clip
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.error_model import NETWORK
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d.reconstruction.reconstruct import reconstruct
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise
from hand_pose_25d_train.evaluation.project.still_hand import SENSOR_NOISE

RATE = 30.0
PIXEL_NOISE, DEPTH_NOISE = 1.5, 0.004
PAIRED = 0.5  # of a hand's extent: mean distance of keypoints below which it is the true one
LEAST_IMAGES = 8  # of a class of speed of the clip; fewer are not judged
STILL_COUNT = 90  # images of a still hand


class ObservedTrack(NamedTuple):
    """One hand over N images."""

    stamps: np.ndarray
    """(N,) s."""
    keypoints: np.ndarray
    """(N, 21, 3) m."""
    covariance: np.ndarray
    """(N, 21, 3, 3) m^2."""
    palm: np.ndarray
    """(N, 12, 12) m^2."""
    truth: np.ndarray
    """(N, 21, 3) m."""
    size_variance: float


def wave(axis: tuple[float, float, float], amplitude: float, speed: float) -> Callable:
    """Return a movement: seconds (N,) -> (N, 3) m, a sine of this amplitude and top speed."""

    def at(seconds: np.ndarray) -> np.ndarray:
        return amplitude * np.sin(speed / amplitude * seconds)[:, None] * np.array(axis)

    return at


MOVEMENTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "still": wave((1, 0, 0), 1e-9, 1e-9),
    "sideways, up to 0.5 m/s": wave((1, 0, 0), 0.1, 0.5),
    "along the ray, up to 0.5 m/s": wave((0, 0, 1), 0.1, 0.5),
    "waving, up to 2 m/s": wave((1, 0, 0), 0.2, 2.0),
}


def simulated(
    movement: Callable[[np.ndarray], np.ndarray],
    distance: float,
    rng: np.random.Generator,
    seconds: float = 5.0,
) -> ObservedTrack:
    """Return a random hand that moves, as it is reconstructed."""
    hand = sample_hands(BoneLengthPrior.default(), 1, rng, (distance, distance))
    stamps = np.arange(round(seconds * RATE)) / RATE
    truth = hand.keypoints + movement(stamps)[:, None]
    pose, count = encode(truth), len(stamps)
    deviation = np.array([PIXEL_NOISE / Noise().focal] * 2 + [DEPTH_NOISE])
    roots = [np.linalg.cholesky(c + 1e-9 * np.eye(21)) for c in NETWORK.correlation]
    drawn = rng.standard_normal((count, 3, 21))
    errors = np.stack([drawn[:, i] @ roots[i].T * deviation[i] for i in range(3)], -1)
    relative = pose.relative_depth + errors[..., 2] / pose.scale[:, None]
    relative[:, WRIST] = 0.0
    found = reconstruct(
        pose.xy + errors[..., :2],
        relative,
        np.broadcast_to(np.eye(2) * deviation[0] ** 2, (count, 21, 2, 2)),
        np.broadcast_to((deviation[2] / pose.scale[:, None]) ** 2, (count, 21)),
        BoneLengthPrior.exact(hand.lengths[0]),
    )
    return ObservedTrack(
        stamps, found.keypoints, found.covariance, found.palm_covariance, truth, 0.0
    )


def clip_tracks(clip: Clip, max_hands: int = 3) -> list[ObservedTrack]:
    """Follow the hands of a clip and pair them with the true ones, track by track."""
    return _tracks(zip(clip.images(), clip.stamps, clip.hands, strict=True), clip, max_hands)


def still_tracks(clip: Clip, number: int, max_hands: int = 3) -> list[ObservedTrack]:
    """Follow the hands of one image of a clip, shown again and again with sensor noise."""
    image = next(islice(clip.images(), number, None))
    rng = np.random.default_rng(0)
    noisy = (
        (image + rng.normal(0, SENSOR_NOISE, image.shape)).clip(0, 255).astype(np.uint8)
        for _ in range(STILL_COUNT)
    )
    rows = ((one, i / RATE, clip.hands[number]) for i, one in enumerate(noisy))
    return _tracks(rows, clip, max_hands)


def _tracks(
    images: Iterable[tuple[np.ndarray, float, list[LabelledHand]]], clip: Clip, max_hands: int
) -> list[ObservedTrack]:
    estimator = HandPoseEstimator("auto", max_hands=max_hands)
    size_variance = float(estimator.prior.log_moments[1].mean())
    found: dict[tuple[int, int], list[tuple[float, HandPose, np.ndarray]]] = {}
    for image, stamp, true_hands in images:
        for hand in estimator.track(image, clip.camera, float(stamp)):
            for true in true_hands:
                apart = np.linalg.norm(hand.keypoints_2d - true.uv, axis=1).mean()
                if apart < PAIRED * float(np.ptp(true.uv, axis=0).max()):
                    key = hand.track_id, true.hand_id
                    found.setdefault(key, []).append((float(stamp), hand, true.keypoints))
    return [seen for rows in found.values() if (seen := _seen(rows, size_variance)) is not None]


def _seen(
    rows: list[tuple[float, HandPose, np.ndarray]], size_variance: float
) -> ObservedTrack | None:
    rows = [row for row in rows if np.isfinite(row[1].keypoints).all()]
    if len(rows) < 2 * LEAST_IMAGES:
        return None
    hands = [hand for _, hand, _ in rows]
    return ObservedTrack(
        np.array([stamp for stamp, _, _ in rows]),
        np.array([hand.keypoints for hand in hands]),
        np.array([hand.covariance for hand in hands]),
        np.array([hand.palm_covariance for hand in hands]),
        np.array([truth for _, _, truth in rows]),
        size_variance,
    )

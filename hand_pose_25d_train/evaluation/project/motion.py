"""`hand-pose-25d evaluate motion`: what filtering and smoothing do to hands in motion.

Simulated hands at 30 images a second, known bones, noise that is new in every image and correlated
between keypoints as the error model says: at rest, waving sideways, moving along the ray, waving
fast.  Then the bundled clip against its truth, by speed.  Rows: as reconstructed (raw), after the
Kalman filter of `smoothing`, which knows the past alone, and after the smoother of files and
archives, which knows both sides.  Errors are root mean squares of keypoints in mm, along the ray
and across it; the step is that of the error from image to image; the lag in images.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from hand_pose_25d.archive.smoothing import smooth_track
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.clips import CLIP, Clip, load_clip
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.error_model import NETWORK
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d.reconstruction.reconstruct import reconstruct
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d.tracking.motion_filter import MotionFilter, MotionParameters
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise

RATE = 30.0
PIXEL_NOISE, DEPTH_NOISE = 1.5, 0.004
SETTLED = 20  # images from which on a simulated hand counts: its noise is measured by then
SPEEDS = (("slow, below 0.1 m/s", 0.0, 0.1), ("0.1 to 0.6 m/s", 0.1, 0.6), ("fast", 0.6, np.inf))
NEAR = 0.5  # of a hand's extent: mean distance of keypoints below which it is the true one
LEAST_IMAGES = 8  # of a class of speed of the clip; fewer are not judged


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


def filtered(seen: ObservedTrack, parameters: MotionParameters | None = None) -> np.ndarray:
    """Return the keypoints (N, 21, 3) after the filter."""
    one = MotionFilter(parameters)
    rows = zip(seen.stamps, seen.keypoints, seen.covariance, seen.palm, strict=True)
    return np.array([one(*row, seen.size_variance).keypoints for row in rows])


def smoothed(seen: ObservedTrack) -> np.ndarray:
    """Return the keypoints (N, 21, 3) after the smoother."""
    return smooth_track(seen.stamps, seen.keypoints, seen.covariance).keypoints


class MotionFigures(NamedTuple):
    """What is printed of a row; mm, and images."""

    along: float
    across: float
    step: float
    lag: float


def motion_figures(found: np.ndarray, seen: ObservedTrack, chosen: np.ndarray) -> MotionFigures:
    """Measure keypoints (N, 21, 3) against the truth, in the images `chosen` (N,)."""
    ray = seen.truth / np.linalg.norm(seen.truth, axis=-1, keepdims=True)
    error = found - seen.truth
    along = (error * ray).sum(-1)
    across = error - along[..., None] * ray
    moved = np.gradient(seen.truth[:, WRIST], seen.stamps, axis=0)
    late = -(error.mean(1) * moved)[chosen].sum() / max((moved**2)[chosen].sum(), 1e-12)
    period = float(np.median(np.diff(seen.stamps)))
    both = chosen[1:] & chosen[:-1] & (np.diff(seen.stamps) < 1.5 * period)
    return MotionFigures(
        _rms(along[chosen, :, None]),
        _rms(across[chosen]),
        _rms(np.diff(error, axis=0)[both]),
        float(late) / period,
    )


def _rms(vectors: np.ndarray) -> float:
    return 1e3 * float(np.sqrt(np.square(vectors).sum(-1).mean()))


def motion_rows(
    tracks: list[ObservedTrack], chosen: Callable[[ObservedTrack], np.ndarray]
) -> dict[str, MotionFigures]:
    """Return raw, filtered and smoothed over tracks, weighted by their images."""
    methods = {"raw": lambda s: s.keypoints, "filtered": filtered, "smoothed": smoothed}
    picks = [chosen(seen) for seen in tracks]
    weights = np.array([pick.sum() for pick in picks], dtype=np.float64)
    rows = {}
    for name, method in methods.items():
        values = np.array(
            [motion_figures(method(s), s, pick) for s, pick in zip(tracks, picks, strict=True)]
        )
        squares = (weights[:, None] * values[:, :3] ** 2).sum(0) / weights.sum()
        lag = float((weights * values[:, 3]).sum() / weights.sum())
        rows[name] = MotionFigures(*(float(v) for v in np.sqrt(squares)), lag)
    return rows


def clip_tracks(clip: Clip, max_hands: int = 3) -> list[ObservedTrack]:
    """Follow the hands of a clip and pair them with the true ones, track by track."""
    estimator = HandPoseEstimator("auto", max_hands=max_hands)
    size_variance = float(estimator.prior.log_moments[1].mean())
    found: dict[tuple[int, int], list[tuple[float, HandPose, np.ndarray]]] = {}
    for i, (image, stamp) in enumerate(zip(clip.images(), clip.stamps, strict=True)):
        for hand in estimator.track(image, clip.camera, float(stamp)):
            for true in clip.hands[i]:
                apart = np.linalg.norm(hand.keypoints_2d - true.uv, axis=1).mean()
                if apart < NEAR * float(np.ptp(true.uv, axis=0).max()):
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


def speed_class(low: float, high: float) -> Callable[[ObservedTrack], np.ndarray]:
    """Return a function: a track -> in which images (N,) its wrist has such a speed."""

    def chosen(seen: ObservedTrack) -> np.ndarray:
        moved = np.gradient(seen.truth[:, WRIST], seen.stamps, axis=0)
        speed = np.linalg.norm(moved, axis=-1)
        return (speed >= low) & (speed < high)

    return chosen


def _settled(seen: ObservedTrack) -> np.ndarray:
    return np.arange(len(seen.stamps)) >= SETTLED


def simulated_rows(hands: int, seed: int) -> Iterator[tuple[str, dict[str, MotionFigures]]]:
    """Yield each movement at each distance, and its rows."""
    for distance in (0.6, 1.5):
        for name, movement in MOVEMENTS.items():
            rng = np.random.default_rng(seed)
            tracks = [simulated(movement, distance, rng) for _ in range(hands)]
            yield f"{name}, {distance:g} m", motion_rows(tracks, _settled)


def clip_rows(clip: Clip) -> Iterator[tuple[str, dict[str, MotionFigures]]]:
    """Yield each class of speed of a clip, and its rows."""
    tracks = clip_tracks(clip)
    for name, low, high in SPEEDS:
        chosen = speed_class(low, high)
        some = [seen for seen in tracks if chosen(seen).sum() >= LEAST_IMAGES]
        if some:
            yield f"bundled clip, {name}", motion_rows(some, chosen)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--hands", type=int, default=6, help="of a movement (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-clip", action="store_true", help="simulated hands alone")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    if args.hands < 1:
        raise ValueError(f"--hands must be at least 1, got {args.hands}")
    print("| hand | row | along the ray | across | step | lag, images |\n" + "|---" * 6 + "|")
    parts = [simulated_rows(args.hands, args.seed)]
    if not args.no_clip:
        parts.append(clip_rows(load_clip(CLIP)))
    for part in parts:
        for name, rows in part:
            for row, f in rows.items():
                at_rest = "still" in name or "slow" in name
                numbers = f"{f.along:.1f} | {f.across:.2f} | {f.step:.2f}"
                print(f"| {name} | {row} | {numbers} | {'' if at_rest else f'{f.lag:.2f}'} |")
    return 0

"""`hand-pose-25d evaluate motion`: what filtering and smoothing do to hands in motion.

Simulated hands at 30 images a second, known bones, noise that is new in every image and correlated
between keypoints as the error model says: at rest, waving sideways, moving along the ray, waving
fast.  Then the bundled clip, and rendered clips that are given, against their truth, by speed, and
hands of the bundled clip at rest: one image again and again, with sensor noise.

Rows: as reconstructed (raw), after the Kalman filter of `smoothing`, which knows the past alone,
and after the smoother of files and archives, which knows both sides.  Errors are root mean squares
of keypoints in mm, along the ray and across it; the step is that of the error from image to image;
the scatter is about the mean over the images; the lag in images.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hand_pose_25d.archive.smoothing import smooth_track
from hand_pose_25d.io.clips import CLIP, Clip, load_clip
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d.tracking.motion_filter import MotionFilter
from hand_pose_25d.tracking.motion_modes import MotionParameters
from hand_pose_25d_train.evaluation.project.motion_tracks import (
    LEAST_IMAGES,
    MOVEMENTS,
    ObservedTrack,
    clip_tracks,
    simulated,
    still_tracks,
)

SETTLED = (
    30  # images from which on a simulated or still hand counts: its noise is measured by then
)
SPEEDS = (("below 0.1 m/s", 0.0, 0.1), ("0.1 to 0.6 m/s", 0.1, 0.6), ("faster", 0.6, np.inf))
STILL_IMAGES_OF_CLIP = (24, 110)


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
    scatter: float
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
        _rms((error - error[chosen].mean(0))[chosen]),
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
        squares = (weights[:, None] * values[:, :4] ** 2).sum(0) / weights.sum()
        lag = float((weights * values[:, 4]).sum() / weights.sum())
        rows[name] = MotionFigures(*(float(v) for v in (*np.sqrt(squares), lag)))
    return rows


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


def clip_rows(name: str, clips: Iterable[Clip]) -> Iterator[tuple[str, dict[str, MotionFigures]]]:
    """Yield each class of speed of clips, together, and its rows."""
    tracks = [seen for clip in clips for seen in clip_tracks(clip)]
    for speed, low, high in SPEEDS:
        chosen = speed_class(low, high)
        some = [seen for seen in tracks if chosen(seen).sum() >= LEAST_IMAGES]
        if some:
            images = sum(int(chosen(seen).sum()) for seen in some)
            yield f"{name}, {speed}, {images} images", motion_rows(some, chosen)


def still_rows(clip: Clip) -> Iterator[tuple[str, dict[str, MotionFigures]]]:
    """Yield the rows of a clip's hands at rest."""
    tracks = [seen for number in STILL_IMAGES_OF_CLIP for seen in still_tracks(clip, number)]
    yield "still, bundled clip, sensor noise", motion_rows(tracks, _settled)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--hands", type=int, default=8, help="of a movement (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-clip", action="store_true", help="simulated hands alone")
    parser.add_argument(
        "--clips", type=Path, nargs="+", default=[], metavar="CLIP",
        help="rendered clips: .mp4 with .json beside it, or a folder of them",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    if args.hands < 1:
        raise ValueError(f"--hands must be at least 1, got {args.hands}")
    clips = [load_clip(path) for path in _clip_files(args.clips)]
    print(
        "| hand | row | along the ray | across | step | scatter | lag, images |\n"
        + "|---" * 7
        + "|"
    )
    parts = [simulated_rows(args.hands, args.seed)]
    if not args.no_clip:
        parts += [still_rows(load_clip(CLIP)), clip_rows("bundled clip", [load_clip(CLIP)])]
    if clips:
        parts.append(clip_rows(f"{len(clips)} clips", clips))
    for part in parts:
        for name, rows in part:
            for row, f in rows.items():
                still = name.startswith("still")
                numbers = f"{f.along:.1f} | {f.across:.2f} | {f.step:.2f}"
                rest = f"{f.scatter:.2f} |" if still else f" | {f.lag:.2f}"
                print(f"| {name} | {row} | {numbers} | {rest} |")
    return 0


def _clip_files(paths: Iterable[Path]) -> list[Path]:
    """Return the clips that paths name; FileNotFoundError for a folder without any."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.mp4")) if path.is_dir() else [path]
        if not inside:
            raise FileNotFoundError(f"no .mp4 in {path}")
        found += inside
    return found

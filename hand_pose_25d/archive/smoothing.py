"""Smoothing both ways: a fixed-interval Rauch-Tung-Striebel smoother on a track's keypoints.

Rauch, Tung and Striebel, "Maximum Likelihood Estimates of Linear Dynamic Systems", AIAA Journal
1965.  Each keypoint moves with a velocity that white acceleration changes; it does not lag, since
the images after count as much as those before.

A keypoint's covariance has two parts: jitter, which is new in every image and which smoothing
takes away, and what stays the same from image to image, such as a wrong hand size.  The jitter's
share is measured on the track itself, by third differences, which a smooth motion hardly has.

A keypoint that rests is smoothed first as if all did: where what is left then is no more than
noise, for a while before and after, it rests, and a weaker acceleration holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d.archive.gaps import MAX_GAP, carried_on, within_gaps
from hand_pose_25d.geometry.vectors import carried_jointly
from hand_pose_25d.geometry.wrist_frame import PALM
from hand_pose_25d.tracking.jitter import THIRD_DIFFERENCE

ACCELERATION = 3.0
"""m^2/s^3: spectral density of the white acceleration; see docs/archive.md for what it does."""
CALM = 1e-4
"""m^2/s^3: that of a keypoint at rest."""
REST_WINDOW = 0.25
"""Seconds to both sides in which a keypoint must rest."""
REST_MISFIT = 2.0
"""Chi-square a degree of freedom up to which it does."""
BLOCK, BLOCK_OVERLAP = 2048, 128
"""Images smoothed at once, and those on each side that only bring in the neighbours' influence."""
SMALLEST_SHARE = 1e-4
MEDIAN_CHI2_3 = 2.36597
"""Median of chi-square with 3 degrees of freedom."""
_START = 1e4  # variance of the first state, far above any position in m^2 or velocity in m^2/s^2


@dataclass(frozen=True)
class SmoothedTrack:
    """What smoothing makes of a track of N images."""

    keypoints: np.ndarray
    """(N, K, 3) m."""
    covariance: np.ndarray
    """(N, K, 3, 3) m^2: what smoothing leaves of the jitter, and the part that stays the same."""
    jitter_share: float
    """Of the covariance that is jitter, in [1e-4, 1]."""


def smooth_track(
    stamps: np.ndarray,
    keypoints: np.ndarray,
    covariance: np.ndarray,
    acceleration: float | None = None,
    jitter_share: float | None = None,
) -> SmoothedTrack:
    """Smooth a track over its images.

    Args:
        stamps: (N,) seconds, rising.
        keypoints: (N, K, 3) m; NaN where a keypoint was not seen, which is filled in from both
            sides, unless for longer than `MAX_GAP` or before the first or behind the last seen.
        covariance: (N, K, 3, 3) m^2.
        acceleration: m^2/s^3 of the motion model; None: `ACCELERATION`, and `CALM` at rest.
        jitter_share: of the covariance, in (0, 1]; None: measured.

    Raises ValueError for stamps that do not rise and for other shapes.
    """
    stamps = np.asarray(stamps, dtype=np.float64)
    points = np.asarray(keypoints, dtype=np.float64)
    spread = np.asarray(covariance, dtype=np.float64)
    if points.ndim != 3 or points.shape != (len(stamps), points.shape[1], 3):
        raise ValueError(f"need keypoints (N, K, 3) of {len(stamps)} stamps, got {points.shape}")
    if spread.shape != (*points.shape, 3):
        raise ValueError(f"need a covariance (N, K, 3, 3), got {spread.shape}")
    if not (np.diff(stamps) > 0).all():
        raise ValueError("the stamps of a track must rise")
    share = jitter_share or measured_jitter_share(stamps, points, spread)
    noise = share * spread
    strength = np.full(points.shape[:2], ACCELERATION if acceleration is None else acceleration)
    if acceleration is None:
        calm, _ = _smooth(stamps, points, noise, np.full_like(strength, CALM))
        strength[_at_rest(stamps, points - calm, noise)] = CALM
    smooth, smooth_spread = _smooth(stamps, points, noise, strength)
    common = (1 - share) * carried_on(stamps, spread)
    unknown = np.isnan(smooth) | ~within_gaps(stamps, points)[..., None]
    smooth[unknown] = np.nan
    smooth_spread = np.where(unknown.any(-1)[..., None, None], np.nan, smooth_spread + common)
    return SmoothedTrack(smooth, smooth_spread, share)


def _at_rest(stamps: np.ndarray, residuals: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return (N, K): where what is left of the measurements is no more than noise."""
    seen = np.isfinite(residuals).all(-1) & np.isfinite(noise).all((-1, -2))
    misfit = np.zeros(seen.shape)
    misfit[seen] = np.einsum(
        "ni,ni->n",
        residuals[seen],
        np.linalg.solve(noise[seen], residuals[seen][..., None])[..., 0],
    )
    first = np.searchsorted(stamps, stamps - REST_WINDOW)
    behind = np.searchsorted(stamps, stamps + REST_WINDOW, side="right")

    def around(values: np.ndarray) -> np.ndarray:
        sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        return sums[behind] - sums[first]

    moves = around(misfit) > REST_MISFIT * 3 * around(seen.astype(float))
    return around(moves.astype(float)) == 0


def _smooth(
    stamps: np.ndarray, points: np.ndarray, noise: np.ndarray, acceleration: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth piece by piece and block by block, with an acceleration (N, K)."""
    smooth, smooth_spread = np.full_like(points, np.nan), np.full_like(noise, np.nan)
    for first, last in _pieces(stamps, points):
        for start in range(first, last, BLOCK):
            end = min(start + BLOCK, last)
            low, high = max(start - BLOCK_OVERLAP, first), min(end + BLOCK_OVERLAP, last)
            part = slice(low, high)
            mean, rest = _smooth_block(stamps[part], points[part], noise[part], acceleration[part])
            smooth[start:end] = mean[start - low : end - low]
            smooth_spread[start:end] = rest[start - low : end - low]
    return smooth, smooth_spread


def smoothed_palm_covariance(
    palm: np.ndarray, covariance: np.ndarray, smoothed: np.ndarray
) -> np.ndarray:
    """Return the joint covariance (N, 12, 12) of the keypoints `PALM` after smoothing.

    Their errors go together as before; each by itself has the smoothed covariance.

    Args:
        palm: (N, 12, 12), before.
        covariance, smoothed: (N, 21, 3, 3), of all keypoints, before and after.

    NaN where one of these is.
    """
    before, after = covariance[:, PALM], smoothed[:, PALM]
    known = np.isfinite(palm).all((-1, -2))
    known &= np.isfinite(before).all((1, 2, 3)) & np.isfinite(after).all((1, 2, 3))
    found = np.full(palm.shape, np.nan)
    if known.any():
        roots = [np.linalg.cholesky(blocks[known]) for blocks in (before, after)]
        change = roots[1] @ np.linalg.inv(roots[0])
        found[known] = carried_jointly(palm[known], change)
    return found


def measured_jitter_share(
    stamps: np.ndarray, keypoints: np.ndarray, covariance: np.ndarray
) -> float:
    """Return which share of the covariance changes from image to image; 1 where nothing tells."""
    steps = np.diff(stamps)
    if len(steps) < 3:
        return 1.0
    # Three steps of about the same length: else the third difference is no third difference.
    around = np.stack([steps[:-2], steps[1:-1], steps[2:]])
    even = around.max(0) < 1.2 * around.min(0)
    third = (keypoints[3:] - 3 * keypoints[2:-1] + 3 * keypoints[1:-2] - keypoints[:-3])[even]
    middle = ((covariance[1:-2] + covariance[2:-1]) / 2)[even]
    seen = np.isfinite(third).all(-1) & np.isfinite(middle).all((-1, -2))
    if seen.sum() < 20:
        return 1.0
    third, middle = third[seen], middle[seen]
    distance = np.einsum("ni,ni->n", third, np.linalg.solve(middle, third[..., None])[..., 0])
    share = float(np.median(distance)) / MEDIAN_CHI2_3 / THIRD_DIFFERENCE
    return min(max(share, SMALLEST_SHARE), 1.0)


def _pieces(stamps: np.ndarray, keypoints: np.ndarray) -> list[tuple[int, int]]:
    """Return the parts of a track between gaps in which no keypoint was seen."""
    seen = np.flatnonzero(np.isfinite(keypoints).all(-1).any(-1))
    if not len(seen):
        return []
    breaks = np.flatnonzero(np.diff(stamps[seen]) > MAX_GAP)
    firsts = seen[np.concatenate([[0], breaks + 1])]
    lasts = seen[np.concatenate([breaks, [len(seen) - 1]])]
    return [(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]


def _smooth_block(
    stamps: np.ndarray, points: np.ndarray, noise: np.ndarray, acceleration: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Filter forth, smooth back: (N, K, 3), (N, K, 3, 3) -> the same."""
    count, keypoints = points.shape[:2]
    seen = np.isfinite(points).all(-1) & np.isfinite(noise).all((-1, -2))
    state = np.zeros((keypoints, 6))
    spread = np.tile(_START * np.eye(6), (keypoints, 1, 1))
    states, spreads = np.empty((count, keypoints, 6)), np.empty((count, keypoints, 6, 6))
    predicted, expected = np.empty_like(states), np.empty_like(spreads)
    between = np.maximum(acceleration[1:], acceleration[:-1])[..., None, None]
    moves = [_motion(dt, 1.0) for dt in np.diff(stamps)]
    for i in range(count):
        if i:
            move, drift = moves[i - 1]
            state, spread = state @ move.T, move @ spread @ move.T + between[i - 1] * drift
        predicted[i], expected[i] = state, spread
        k = seen[i]
        if k.any():
            state, spread = state.copy(), spread.copy()
            state[k], spread[k] = _update(state[k], spread[k], points[i, k], noise[i, k])
        states[i], spreads[i] = state, spread
    for i in range(count - 2, -1, -1):
        move = moves[i][0]
        gain = np.linalg.solve(expected[i + 1], move @ spreads[i]).swapaxes(-1, -2)
        states[i] += np.einsum("kij,kj->ki", gain, states[i + 1] - predicted[i + 1])
        spreads[i] += gain @ (spreads[i + 1] - expected[i + 1]) @ gain.swapaxes(-1, -2)
    known = seen.any(0)
    positions = np.where(known[:, None], states[..., :3], np.nan)
    rest = spreads[..., :3, :3]
    return positions, (rest + rest.swapaxes(-1, -2)) / 2


def _update(
    state: np.ndarray, spread: np.ndarray, point: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Take a measurement of the position into account (Joseph's form: it stays positive)."""
    innovation = spread[:, :3, :3] + noise
    gain = np.linalg.solve(innovation, spread[:, :3, :]).swapaxes(-1, -2)
    keep = np.eye(6) - np.concatenate([gain, np.zeros_like(gain)], axis=-1)
    state = state + np.einsum("kij,kj->ki", gain, point - state[:, :3])
    spread = keep @ spread @ keep.swapaxes(-1, -2) + gain @ noise @ gain.swapaxes(-1, -2)
    return state, spread


def _motion(dt: float, acceleration: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what a step of dt seconds does to (position, velocity), and the noise it adds."""
    one = np.eye(3)
    move = np.block([[one, dt * one], [0 * one, one]])
    drift = acceleration * np.block(
        [[dt**3 / 3 * one, dt**2 / 2 * one], [dt**2 / 2 * one, dt * one]]
    )
    return move, drift

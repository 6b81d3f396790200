"""A Kalman filter for one hand in motion: at rest, slow or lively, by directions and depths apart.

Each coordinate has modes of its own (tracking/motion_modes.py).  With one model a filter either
follows noise or lags.

The coordinates are directions (x/z, y/z) and depths, since a wrong depth moves a keypoint along
its own ray.  The palm's distance is filtered on its own: most of the noise is there, the same for
all keypoints, and it changes slowly, while fingers do not.  A coordinate costs nine numbers, so
that a hand is a few operations on small arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from hand_pose_25d.geometry.wrist_frame import PALM
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d.tracking.jitter import JitterShares, Spread
from hand_pose_25d.tracking.motion_modes import ModeState, MotionModes, MotionParameters


@dataclass(frozen=True, eq=False)
class FilteredHand:
    """What the filter makes of a hand in one image.

    Covariances are what filtering leaves of the jitter, and the part that stays the same.
    """

    keypoints: np.ndarray
    """(21, 3) m."""
    velocity: np.ndarray
    """(21, 3) m/s; NaN in the first image."""
    raw_covariance: np.ndarray
    """(21, 3, 3) m^2, before filtering."""
    raw_palm_covariance: np.ndarray | None
    """(12, 12) m^2, likewise."""
    shrink: tuple[np.ndarray, np.ndarray] | None = None
    """What each keypoint's errors in x, y, z are multiplied by, (21, 3), and what x and y besides
    take of that in z, (21, 2); None: they are as they were."""

    @property
    def covariance(self) -> np.ndarray:
        """(21, 3, 3) m^2."""
        if self.shrink is None:
            return self.raw_covariance
        once = _shrunk_rows(self.raw_covariance, *self.shrink)
        return _shrunk_rows(once.swapaxes(1, 2), *self.shrink)

    @property
    def palm_covariance(self) -> np.ndarray | None:
        """(12, 12) m^2, of the keypoints `PALM` jointly."""
        palm = self.raw_palm_covariance
        return None if palm is None else self.shrunk(palm, PALM)

    def shrunk(self, joint: np.ndarray, rows: slice | list[int] = slice(None)) -> np.ndarray:
        """Return keypoints' joint covariance (3K, 3K) m^2, all's or `rows`', after filtering."""
        if self.shrink is None:
            return joint
        shape, by_rows = joint.shape, (len(joint) // 3, 3, len(joint))
        share, lean = (part[rows] for part in self.shrink)
        once = _shrunk_rows(joint.reshape(by_rows), share, lean).reshape(shape)
        return _shrunk_rows(once.T.reshape(by_rows), share, lean).reshape(shape)


def _shrunk_rows(rows: np.ndarray, share: np.ndarray, lean: np.ndarray) -> np.ndarray:
    """Shrink the errors that rows are of: (K, 3, M), (K, 3), (K, 2) -> (K, 3, M)."""
    found: np.ndarray = rows * share[:, :, None]
    found[:, :2] += rows[:, 2:] * lean[:, :, None]
    return found


START_SPEED = 1.0  # m/s: standard deviation of a velocity that is not known
_LOG_RANGE = 30.0  # of log likelihoods: no mode is ever ruled out by one image
_DISTANCE = NUM_KEYPOINTS  # the row of the palm's distance, behind those of the keypoints
_UNKNOWN = np.full((NUM_KEYPOINTS, 3), np.nan)


class MotionFilter:
    """Filters one track's keypoints.  Not thread-safe; one filter a track."""

    def __init__(self, parameters: MotionParameters | None = None) -> None:
        """Take settings, or the defaults."""
        self.parameters = parameters or MotionParameters()
        self._modes = MotionModes(self.parameters)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next keypoints come back as they are."""
        self._stamp: float | None = None
        self._last: FilteredHand | None = None
        self._state: ModeState | None = None
        self._jitter = JitterShares()

    def __call__(
        self,
        stamp: float,
        keypoints: np.ndarray,
        covariance: np.ndarray,
        palm_covariance: np.ndarray | None = None,
        size_variance: float = 0.0,
    ) -> FilteredHand:
        """Filter keypoints (21, 3) m with their covariance (21, 3, 3) m^2, of a stamp in seconds.

        palm_covariance: (12, 12) m^2, of the keypoints `PALM` jointly; size_variance: of the
        logarithm of the hand's size, whose part of the covariance is common to all images.

        A stamp that goes back, a gap longer than `max_gap`, a palm that is not whole or a keypoint
        that is not before the camera starts anew; the same stamp again gives the last result.  A
        keypoint with a NaN comes back NaN and starts anew when it is seen again.  Raises
        ValueError for a stamp that is not finite.
        """
        if not math.isfinite(stamp):
            raise ValueError(f"a stamp must be a finite number of seconds, got {stamp}")
        interval = math.inf if self._stamp is None else stamp - self._stamp
        if interval == 0.0 and self._last is not None:
            return self._last
        spread = Spread.of(keypoints, covariance, palm_covariance, size_variance)
        if not 0.0 < interval <= self.parameters.max_gap or spread is None:
            self.reset()
        raw = FilteredHand(keypoints, _UNKNOWN, covariance, palm_covariance)
        if spread is None:
            return raw
        noise = self._jitter(stamp, spread)
        units = _squared_units(float(spread.measured[_DISTANCE, 2]))
        if self._state is None:
            state, self._last = _started(spread.measured, noise, units), raw
        else:
            predicted = self._modes.predicted(self._state, interval, units)
            state = _updated(predicted, spread.measured, noise)
            old = np.isfinite(state.moments[0, 0])
            if not old.all():  # out of sight, or back in it
                fresh = _started(spread.measured, noise, units)
                state = ModeState(
                    *(np.where(old, *pair) for pair in zip(state, fresh, strict=True))
                )
            self._last = _reported(state, raw, spread, noise, old)
        self._state, self._stamp = state, stamp
        return self._last


def _squared_units(distance: float) -> np.ndarray:
    """Return (22, 3): the square of one metre in each coordinate, of a palm at a distance in m."""
    units = np.ones((NUM_KEYPOINTS + 1, 3))
    units[:_DISTANCE, :2] = 1 / (distance * distance)
    return units


def _started(measured: np.ndarray, noise: np.ndarray, units: np.ndarray) -> ModeState:
    moments = np.zeros((5, 3, *measured.shape))
    moments[0], moments[2], moments[4] = measured, noise, START_SPEED**2 * units
    return ModeState(moments, np.full(moments.shape[1:], 1 / moments.shape[1]))


def _updated(state: ModeState, measured: np.ndarray, noise: np.ndarray) -> ModeState:
    """Take a measurement into account; what was not seen, or is not known, becomes NaN."""
    moments, odds = state
    total = moments[2] + noise
    gain = moments[2:4] / total
    residual = measured - moments[0]
    fit = residual * residual / total + np.log(total)
    odds = odds * np.exp(np.maximum(fit.min(0) - fit, -_LOG_RANGE) / 2)
    moments[:2] += gain * residual
    moments[4] -= gain[1] * moments[3]
    moments[2:4] *= 1 - gain[0]
    return ModeState(moments, odds / odds.sum(0))


def _reported(
    state: ModeState, raw: FilteredHand, spread: Spread, noise: np.ndarray, old: np.ndarray
) -> FilteredHand:
    """Return the hand of all modes together, in the camera's frame."""
    moments, odds = state
    at, speed, variance = (odds * moments[:3]).sum(1)
    variance += (odds * (moments[0] - at) ** 2).sum(0)
    points, rates = at[:_DISTANCE], speed[:_DISTANCE]
    points[:, 2] += at[_DISTANCE, 2]
    rates[:, 2] += speed[_DISTANCE, 2]
    rates[:, :2] = rates[:, :2] * points[:, 2:] + points[:, :2] * rates[:, 2:]
    points[:, :2] *= points[:, 2:]
    left = np.minimum(variance - noise, 0.0)  # what filtering takes away, of each coordinate
    left[:_DISTANCE, 2] += left[_DISTANCE, 2]
    share = np.sqrt(np.maximum(1 + left[:_DISTANCE] / spread.whole, 0.0))
    # What an error in the camera's frame becomes: its direction's and its depth's parts apart.
    lean = spread.measured[:_DISTANCE, :2] * (share[:, 2:] - share[:, :2])
    if not old.all():
        fresh = ~old[:_DISTANCE, 0]
        share[fresh], lean[fresh], rates[fresh] = 1.0, 0.0, np.nan
    return replace(raw, keypoints=points, velocity=rates, shrink=(share, lean))

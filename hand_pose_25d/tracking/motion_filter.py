"""A Kalman filter for one hand in motion: at rest or not, along and across the ray apart.

Each coordinate has a constant velocity that white acceleration changes, weak for a hand at rest
and strong for one that moves; which of the two it is, is estimated with it: the interacting
multiple models of Blom and Bar-Shalom, "The Interacting Multiple Model Algorithm for Systems with
Markovian Switching Coefficients", IEEE Transactions on Automatic Control 1988.  With one model a
filter either follows noise or lags.

The axes are those of the ray to the palm.  Along it, the palm's distance is filtered on its own:
most of the noise is there, the same for all keypoints, and it changes slowly, while fingers do
not.  A coordinate costs six numbers, so that a hand is a few operations on small arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hand_pose_25d.geometry.wrist_frame import PALM
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d.tracking.jitter import JitterShares, Spread


@dataclass(frozen=True)
class MotionParameters:
    """The filter's settings."""

    calm: float = 0.0005
    """m^2/s^3: spectral density of the acceleration of a hand at rest."""
    lively: float = 4.0
    """m^2/s^3: of one that moves."""
    rest: float = 10.0
    """Seconds that a hand rests in the mean."""
    motion: float = 0.5
    """Seconds that it moves."""
    max_gap: float = 0.5
    """Seconds without a measurement after which the filter starts anew."""

    def __post_init__(self) -> None:
        for name in ("calm", "lively", "rest", "motion", "max_gap"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a finite number above 0, got {value}")


class FilteredHand(NamedTuple):
    """What the filter makes of a hand in one image."""

    keypoints: np.ndarray
    """(21, 3) m."""
    covariance: np.ndarray
    """(21, 3, 3) m^2: what filtering leaves of the jitter, and the part that stays the same."""
    palm_covariance: np.ndarray | None
    """(12, 12) m^2, likewise."""
    velocity: np.ndarray
    """(21, 3) m/s; NaN in the first image."""


START_SPEED = 1.0  # m/s: standard deviation of a velocity that is not known
_LOG_RANGE = 30.0  # of log likelihoods: no mode is ever ruled out by one image
_DISTANCE = NUM_KEYPOINTS  # the row of the palm's distance, behind those of the keypoints
_UNKNOWN = np.full((NUM_KEYPOINTS, 3), np.nan)


class _State(NamedTuple):
    """Estimates by the two modes; the last row is the palm's distance."""

    moments: np.ndarray
    """(5, 2, 22, 3): position, speed, variance of the position, its covariance with the speed, and
    the speed's variance, each by mode."""
    odds: np.ndarray
    """(2, 22, 3): the probability of each mode."""


class MotionFilter:
    """Filters one track's keypoints.  Not thread-safe; one filter a track."""

    def __init__(self, parameters: MotionParameters | None = None) -> None:
        """Take settings, or the defaults."""
        self.parameters = parameters or MotionParameters()
        self._density = np.array([self.parameters.calm, self.parameters.lively])[:, None, None]
        self._rates = np.array([1 / self.parameters.rest, 1 / self.parameters.motion])
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next keypoints come back as they are."""
        self._stamp: float | None = None
        self._last: FilteredHand | None = None
        self._state: _State | None = None
        self._axes = np.eye(3)
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

        A stamp that goes back, a gap longer than `max_gap`, or a palm that is not whole starts
        anew; the same stamp again gives the last result.  A keypoint with a NaN comes back NaN and
        starts anew when it is seen again.  Raises ValueError for a stamp that is not finite.
        """
        if not math.isfinite(stamp):
            raise ValueError(f"a stamp must be a finite number of seconds, got {stamp}")
        interval = math.inf if self._stamp is None else stamp - self._stamp
        if interval == 0.0 and self._last is not None:
            return self._last
        spread = Spread.of(keypoints, covariance, palm_covariance, size_variance)
        if not 0.0 < interval <= self.parameters.max_gap or spread is None:
            self.reset()
        raw = FilteredHand(keypoints, covariance, palm_covariance, _UNKNOWN)
        if spread is None:
            return raw
        noise = self._jitter(stamp, keypoints, spread)
        if self._state is None:
            state, self._last = _started(spread.measured, noise), raw
        else:
            state = self._turned(self._state, spread.axes)
            state = _updated(self._predicted(state, interval), spread.measured, noise)
            old = np.isfinite(state.moments[0, 0])
            if not old.all():  # out of sight, or back in it
                fresh = _started(spread.measured, noise)
                state = _State(*(np.where(old, *pair) for pair in zip(state, fresh, strict=True)))
            self._last = _reported(state, raw, spread, noise, old)
        self._state, self._stamp, self._axes = state, stamp, spread.axes
        return self._last

    def _turned(self, state: _State, axes: np.ndarray) -> _State:
        """Return the state in the axes of this image's ray; variances stay with their axes."""
        moments = state.moments.copy()
        whole = moments[:2, :, :_DISTANCE]
        whole[..., 2] += moments[:2, :, _DISTANCE:, 2]
        whole[:] = whole @ (self._axes.T @ axes)
        mean = whole[:, :, PALM, 2].mean(2)
        whole[..., 2] -= mean[..., None]
        moments[:2, :, _DISTANCE, 2] = mean
        return _State(moments, state.odds)

    def _predicted(self, state: _State, dt: float) -> _State:
        """Mix the modes by where each is likely to have come from, and go on by dt seconds."""
        rate = float(self._rates.sum())
        leave = (self._rates * (-math.expm1(-rate * dt) / rate))[:, None, None]
        kept = state.odds * (1 - leave)
        prior = kept + (state.odds * leave)[::-1]
        own = kept / prior  # the probability that a mode was this one before
        other = 1 - own
        moments = own * state.moments + other * state.moments[:, ::-1]
        apart = state.moments[:2, 0] - state.moments[:2, 1]
        both = own * other
        at, speed, at_at, at_speed, speed_speed = moments
        at_at += both * (apart[0] * apart[0])
        at_speed += both * (apart[0] * apart[1])
        speed_speed += both * (apart[1] * apart[1])
        drift = self._density * dt
        at += dt * speed
        at_at += dt * (2 * at_speed + dt * speed_speed) + drift * (dt * dt / 3)
        at_speed += dt * speed_speed + drift * (dt / 2)
        speed_speed += drift
        return _State(moments, prior)


def _started(measured: np.ndarray, noise: np.ndarray) -> _State:
    moments = np.zeros((5, 2, *measured.shape))
    moments[0], moments[2], moments[4] = measured, noise, START_SPEED**2
    return _State(moments, np.full(moments.shape[1:], 0.5))


def _updated(state: _State, measured: np.ndarray, noise: np.ndarray) -> _State:
    """Take a measurement into account; what was not seen, or is not known, becomes NaN."""
    moments, odds = state
    total = moments[2] + noise
    gain = moments[2:4] / total
    residual = measured - moments[0]
    fit = residual * residual / total + np.log(total)
    worse = np.minimum(np.maximum(fit[0] - fit[1], -_LOG_RANGE), _LOG_RANGE)
    calm = odds[0] / (odds[0] + odds[1] * np.exp(worse / 2))
    moments[:2] += gain * residual
    moments[4] -= gain[1] * moments[3]
    moments[2:4] *= 1 - gain[0]
    return _State(moments, np.array([calm, 1 - calm]))


def _reported(
    state: _State, raw: FilteredHand, spread: Spread, noise: np.ndarray, old: np.ndarray
) -> FilteredHand:
    """Return the hand of both modes together, in the camera's frame."""
    moments, odds = state
    at, speed, variance = (odds * moments[:3]).sum(1)
    apart = moments[0, 0] - moments[0, 1]
    variance += odds[0] * odds[1] * apart * apart
    moved = np.array([at[:_DISTANCE], speed[:_DISTANCE]])
    moved[..., 2] += np.array([[at[_DISTANCE, 2]], [speed[_DISTANCE, 2]]])
    left = np.minimum(variance - noise, 0.0)  # what filtering takes away, of each coordinate
    left[:_DISTANCE, 2] += left[_DISTANCE, 2]
    share = np.sqrt(np.maximum(1 + left[:_DISTANCE] / spread.whole, 0.0))
    if not old.all():
        share[~old[:_DISTANCE]] = 1.0
        moved[1][~old[:_DISTANCE]] = np.nan
    shrink = (spread.axes * share[:, None]) @ spread.axes.T  # (21, 3, 3), symmetric
    palm = raw.palm_covariance
    if palm is not None:
        blocks = palm.reshape(len(PALM), 3, len(PALM), 3).swapaxes(1, 2)
        of_palm = shrink[PALM]
        blocks = of_palm[:, None] @ blocks @ of_palm
        palm = blocks.swapaxes(1, 2).reshape(palm.shape)
    points, rates = moved @ spread.axes.T
    return FilteredHand(points, shrink @ raw.covariance @ shrink, palm, rates)

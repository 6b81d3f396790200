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

    calm: float = 0.004
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


class _State(NamedTuple):
    """Estimates by the two modes: (2, 22, 3), of which the last row is the palm's distance."""

    at: np.ndarray
    speed: np.ndarray
    at_at: np.ndarray  # variances of `at`, covariance with `speed`, variance of that
    at_speed: np.ndarray
    speed_speed: np.ndarray
    odds: np.ndarray  # probability of each mode


class MotionFilter:
    """Filters one track's keypoints.  Not thread-safe; one filter a track."""

    def __init__(self, parameters: MotionParameters | None = None) -> None:
        """Take settings, or the defaults."""
        self.parameters = parameters or MotionParameters()
        self._density = np.array([self.parameters.calm, self.parameters.lively])[:, None, None]
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
        raw = FilteredHand(
            keypoints, covariance, palm_covariance, np.full((NUM_KEYPOINTS, 3), np.nan)
        )
        if spread is None:
            return raw
        seen = np.isfinite(spread.measured) & np.isfinite(spread.variance)
        noise = self._jitter(stamp, keypoints, spread)
        state = None if self._state is None else self._turned(self._state, spread.axes)
        if state is not None:
            known = np.isfinite(state.at[0])
            predicted = self._predict(self._mixed(state, interval), interval)
            state = _updated(predicted, spread.measured, noise, seen & known)
        fresh = _started(spread.measured, noise)
        if state is None:
            self._last, state = raw, fresh
        else:
            old = seen & known
            state = _State(*(np.where(old, a, b) for a, b in zip(state, fresh, strict=True)))
            self._last = _reported(state, raw, spread, noise, old)
        self._state, self._stamp, self._axes = state, stamp, spread.axes
        return self._last

    def _turned(self, state: _State, axes: np.ndarray) -> _State:
        """Return the state in the axes of this image's ray; variances stay with their axes."""
        turn = self._axes.T @ axes
        moved = []
        for values in (state.at, state.speed):
            whole = values[:, :_DISTANCE].copy()
            whole[..., 2] += values[:, [_DISTANCE], 2]
            whole = whole @ turn
            mean = whole[:, PALM, 2].mean(1)
            turned = np.zeros_like(values)
            turned[:, :_DISTANCE] = whole
            turned[:, :_DISTANCE, 2] -= mean[:, None]
            turned[:, _DISTANCE, 2] = mean
            moved.append(turned)
        return state._replace(at=moved[0], speed=moved[1])

    def _mixed(self, state: _State, interval: float) -> _State:
        """Let each mode begin with what both know, by how likely it is to have come from them."""
        odds, leave = state.odds, self._leave(interval)
        kept = (1 - leave) * odds
        prior = kept + (leave * odds)[::-1]
        own = kept / prior  # the probability that a mode was this one before
        other = 1 - own
        at, speed = (own * a + other * a[::-1] for a in (state.at, state.speed))
        apart, apart_speed = state.at[0] - state.at[1], state.speed[0] - state.speed[1]
        both = own * other
        return _State(
            at,
            speed,
            own * state.at_at + other * state.at_at[::-1] + both * apart * apart,
            own * state.at_speed + other * state.at_speed[::-1] + both * apart * apart_speed,
            own * state.speed_speed
            + other * state.speed_speed[::-1]
            + both * apart_speed * apart_speed,
            prior,
        )

    def _leave(self, interval: float) -> np.ndarray:
        """Return the probability of each mode to be the other one after an interval."""
        rates = np.array([1 / self.parameters.rest, 1 / self.parameters.motion])
        return (rates / rates.sum() * -math.expm1(-rates.sum() * interval))[:, None, None]

    def _predict(self, state: _State, dt: float) -> _State:
        drift = self._density * dt
        return _State(
            state.at + dt * state.speed,
            state.speed,
            state.at_at
            + dt * (2 * state.at_speed + dt * state.speed_speed)
            + drift * (dt * dt / 3),
            state.at_speed + dt * state.speed_speed + drift * (dt / 2),
            state.speed_speed + drift,
            state.odds,
        )


def _started(measured: np.ndarray, noise: np.ndarray) -> _State:
    shape = (2, *measured.shape)
    at, at_at = np.broadcast_to(measured, shape), np.broadcast_to(noise, shape)
    none = np.zeros(shape)
    return _State(at, none, at_at, none, np.full(shape, START_SPEED**2), np.full(shape, 0.5))


def _updated(state: _State, measured: np.ndarray, noise: np.ndarray, seen: np.ndarray) -> _State:
    """Take a measurement into account; where nothing was seen, the prediction stays."""
    total = state.at_at + noise
    gain, gain_speed = state.at_at / total, state.at_speed / total
    residual = measured - state.at
    fit = -(residual * residual / total + np.log(total)) / 2
    better = np.clip(fit[0] - fit[1], -_LOG_RANGE, _LOG_RANGE)
    calm = state.odds[0] / (state.odds[0] + state.odds[1] * np.exp(-better))
    left = 1 - gain
    return _State(
        state.at + gain * residual,
        state.speed + gain_speed * residual,
        left * state.at_at,
        left * state.at_speed,
        state.speed_speed - gain_speed * state.at_speed,
        np.stack([calm, 1 - calm]),
    )


def _reported(
    state: _State, raw: FilteredHand, spread: Spread, noise: np.ndarray, old: np.ndarray
) -> FilteredHand:
    """Return the hand of both modes together, in the camera's frame."""
    at, speed = ((state.odds * values).sum(0) for values in (state.at, state.speed))
    apart = state.at[0] - state.at[1]
    variance = (state.odds * state.at_at).sum(0) + state.odds[0] * state.odds[1] * apart * apart
    points, rates = at[:_DISTANCE].copy(), speed[:_DISTANCE].copy()
    points[:, 2] += at[_DISTANCE, 2]
    rates[:, 2] += speed[_DISTANCE, 2]
    left = np.minimum(variance, noise) - noise  # what filtering takes away, of each coordinate
    left[:_DISTANCE, 2] += left[_DISTANCE, 2]
    share = np.sqrt(np.maximum(1 + left[:_DISTANCE] / spread.whole, 0.0))
    share = np.where(old[:_DISTANCE], share, 1.0)
    shrink = (spread.axes * share[:, None]) @ spread.axes.T  # (21, 3, 3), symmetric
    covariance = shrink @ raw.covariance @ shrink
    palm = raw.palm_covariance
    if palm is not None:
        blocks = palm.reshape(len(PALM), 3, len(PALM), 3).swapaxes(1, 2)
        blocks = shrink[PALM][:, None] @ blocks @ shrink[PALM][None]
        palm = blocks.swapaxes(1, 2).reshape(palm.shape)
    rates = np.where(old[:_DISTANCE], rates, np.nan)
    return FilteredHand(points @ spread.axes.T, covariance, palm, rates @ spread.axes.T)

"""How a coordinate of a hand moves: at rest, slow or lively, and from one to another.

Each mode has a constant velocity that white acceleration changes, more or less strongly; that of a
hand at rest fades besides.  Which of them it is, is estimated with it: the interacting multiple
models of Blom and Bar-Shalom, "The Interacting Multiple Model Algorithm for Systems with Markovian
Switching Coefficients", IEEE Transactions on Automatic Control 1988.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hand_pose_25d.skeleton import NUM_KEYPOINTS


@dataclass(frozen=True)
class MotionParameters:
    """The filter's settings."""

    calm: float = 1e-5
    """m^2/s^3: spectral density of the acceleration of a hand at rest."""
    slow: float = 0.05
    """m^2/s^3: of one that moves slowly or evenly."""
    slow_distance: float = 1.0
    """m^2/s^3: of its palm's distance: what is seen worst would follow last."""
    lively: float = 4.0
    """m^2/s^3: of one that starts, stops and turns."""
    calm_time: float = 20.0
    """Seconds that a hand rests in the mean."""
    slow_time: float = 1.0
    """Seconds that it moves slowly."""
    lively_time: float = 0.5
    """Seconds that it is lively."""
    settling: float = 0.05
    """Seconds in which the velocity of a hand at rest falls by a factor e."""
    max_gap: float = 0.5
    """Seconds without a measurement after which the filter starts anew."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a finite number above 0, got {value}")


class ModeState(NamedTuple):
    """Estimates by the three modes; the last row is the palm's distance."""

    moments: np.ndarray
    """(5, 3, 22, 3): position, speed, variance of the position, its covariance with the speed, and
    the speed's variance, each by mode, as `Spread` has the coordinates."""
    odds: np.ndarray
    """(3, 22, 3): the probability of each mode."""


class MotionModes:
    """How the modes move, and follow one another."""

    def __init__(self, parameters: MotionParameters) -> None:
        """Take the settings."""
        p = parameters
        self.density = np.empty((3, NUM_KEYPOINTS + 1, 3))
        self.density[:] = np.array([p.calm, p.slow, p.lively])[:, None, None]
        self.density[1, NUM_KEYPOINTS, 2] = p.slow_distance
        self._settling = p.settling
        rates = 1 / np.array([p.calm_time, p.slow_time, p.lively_time])
        # A mode is left for each of the others alike.  Such a chain is reversible, so that its
        # generator has real eigenvalues.
        generator = rates[:, None] * (0.5 - 1.5 * np.eye(len(rates)))
        values, self._vectors = np.linalg.eig(generator)
        self._values, self._inverse = values.real, np.linalg.inv(self._vectors)

    def transition(self, dt: float) -> np.ndarray:
        """Return (3, 3): the probabilities of going from one mode (row) to another in dt s."""
        return (self._vectors * np.exp(self._values * dt)) @ self._inverse

    def fading(self, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """Return (3, 1, 1) each: what is left of a speed, and the seconds for which it counts."""
        left = math.exp(-dt / self._settling)
        counted = self._settling * (1 - left)
        return np.array([left, 1, 1])[:, None, None], np.array([counted, dt, dt])[:, None, None]

    def predicted(self, state: ModeState, dt: float, units: np.ndarray) -> ModeState:
        """Return the state after dt seconds; `units` (22, 3): one metre's square, as it counts."""
        state = _mixed(state, self.transition(dt))
        at, speed, at_at, at_speed, speed_speed = state.moments
        left, counted = self.fading(dt)
        drift = self.density * (units * dt)
        at += counted * speed
        speed *= left
        at_at += counted * (2 * at_speed + counted * speed_speed) + drift * (dt * dt / 3)
        at_speed += counted * speed_speed
        at_speed *= left
        at_speed += drift * (dt / 2)
        speed_speed *= left * left
        speed_speed += drift
        return state


def _mixed(state: ModeState, transition: np.ndarray) -> ModeState:
    """Mix the modes by where each is likely to have come from, into new arrays."""
    odds, moments = state.odds, state.moments
    prior = (transition.T @ odds.reshape(len(odds), -1)).reshape(odds.shape)
    came = transition[:, :, None, None] * (odds[:, None] / prior)  # from a mode (row) to another
    first = moments[:2, 0]
    summed = moments.copy()
    summed[:2] -= first[:, None]  # of the first mode: no digits are lost in squares
    _add_products(summed, 1.0)
    mixed = came[0] * summed[:, 0, None]
    for mode in range(1, len(odds)):
        mixed += came[mode] * summed[:, mode, None]
    _add_products(mixed, -1.0)
    mixed[:2] += first[:, None]
    return ModeState(mixed, prior)


def _add_products(moments: np.ndarray, sign: float) -> None:
    """Add the products of positions and speeds to their variances, in place."""
    signed = sign * moments[:2]
    moments[2:4] += signed * moments[0]
    moments[4] += signed[1] * moments[1]

"""One-Euro filter on the 3D keypoints of each track: no jitter at rest, little lag in motion.

Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012.  Each keypoint has one cutoff for its three coordinates, by its
speed, so that the result does not depend on the frame's orientation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hand_pose_25d.geometry.wrist_frame import PALM
from hand_pose_25d.hand_pose import HandPose


@dataclass(frozen=True)
class OneEuroParameters:
    """The filter's settings."""

    min_cutoff: float = 1.0
    """Hz, of a keypoint at rest: lower is smoother."""
    beta: float = 15.0
    """Hz per m/s: how fast the cutoff rises with speed; higher lags less."""
    derivative_cutoff: float = 1.0
    """Hz, of the speed's own low-pass."""
    max_gap: float = 0.5
    """Seconds without a measurement after which the filter starts anew."""

    def __post_init__(self) -> None:
        for name in ("min_cutoff", "derivative_cutoff", "max_gap"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a finite number above 0, got {value}")
        if not (math.isfinite(self.beta) and self.beta >= 0):
            raise ValueError(f"beta must be a finite number of at least 0, got {self.beta}")


class OneEuroFilter:
    """Smooths one track's keypoints.  Not thread-safe; one filter a track."""

    def __init__(self, parameters: OneEuroParameters | None = None) -> None:
        """Take settings, or the defaults."""
        self.parameters = parameters or OneEuroParameters()
        self._stamp: float | None = None
        self._points = self._speed = self._covariance = self._lagging = np.empty(0)
        self._palm: np.ndarray | None = None
        self.palm_covariance: np.ndarray | None = None
        """(12, 12) m^2, of the palm's keypoints in the last result; None where not given."""

    def reset(self) -> None:
        """Forget the past: the next keypoints come back as they are."""
        self._stamp = None

    def __call__(
        self,
        stamp: float,
        keypoints: np.ndarray,
        covariance: np.ndarray,
        palm_covariance: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Filter the keypoints (K, 3) m and their covariance (K, 3, 3) m^2 of a stamp in seconds.

        `palm_covariance` (12, 12) m^2, of the keypoints `PALM` jointly, is filtered, too: see the
        attribute of that name.

        A stamp that goes back, or a gap longer than `max_gap`, starts anew; the same stamp again
        gives the last result.  A keypoint with a NaN comes back NaN and starts anew when it is
        seen again.  Raises ValueError for a stamp that is not finite or for other shapes.

        The covariance is that of the weighted mean for errors that are fully correlated from image
        to image (a wrong hand size does not average out), plus the square of the lag that the
        filter has at the hand's present speed: smoothing hides jitter, it does not find metres.
        """
        points = np.array(keypoints, dtype=np.float64)
        spread = np.array(covariance, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3 or spread.shape != (*points.shape, 3):
            raise ValueError(
                f"need keypoints (K, 3) and covariance (K, 3, 3), got {points.shape} and "
                f"{spread.shape}"
            )
        if not math.isfinite(stamp):
            raise ValueError(f"a stamp must be a finite number of seconds, got {stamp}")
        interval = math.inf if self._stamp is None else stamp - self._stamp
        if interval == 0.0 and points.shape == self._points.shape:
            return self._points.copy(), self._lagging.copy()
        if not 0.0 < interval <= self.parameters.max_gap or points.shape != self._points.shape:
            self._start(stamp, points, spread, palm_covariance)
            return points, spread

        settings = self.parameters
        rate = (points - self._points) / interval
        weight = _weight(settings.derivative_cutoff, interval)
        speed = self._speed + weight * (rate - self._speed)
        cutoff = settings.min_cutoff + settings.beta * np.linalg.norm(speed, axis=-1)
        weight = _weight(cutoff, interval)[:, None]
        smooth = self._points + weight * (points - self._points)
        # In the steady state a first-order low-pass trails a ramp by its time constant.
        lag = speed * interval * (1 - weight) / weight
        weight = weight[..., None]
        smooth_spread = weight * spread + (1 - weight) * self._covariance
        # Where a keypoint was unknown and is seen again, it starts anew.
        known = np.isfinite(self._points).all(-1) & np.isfinite(self._covariance).all((-1, -2))
        self._points = np.where(known[:, None], smooth, points)
        self._speed = np.where(np.isfinite(speed) & known[:, None], speed, 0.0)
        self._covariance = np.where(known[:, None, None], smooth_spread, spread)
        self._stamp = stamp
        trailing = np.where(known[:, None], lag, 0.0)
        self._filter_palm(palm_covariance, np.where(known, weight[:, 0, 0], 1.0), trailing)
        self._lagging = self._covariance + trailing[..., None] * trailing[:, None]
        return self._points.copy(), self._lagging.copy()

    def _filter_palm(
        self, palm: np.ndarray | None, weight: np.ndarray, trailing: np.ndarray
    ) -> None:
        """Filter the palm's covariance like each keypoint's; weight: (K,), trailing: (K, 3)."""
        if palm is None:
            self._palm = self.palm_covariance = None
            return
        if self._palm is not None and np.isfinite(self._palm).all():
            new, old = (np.sqrt(w[PALM]).repeat(3) for w in (weight, 1 - weight))
            palm = np.outer(new, new) * palm + np.outer(old, old) * self._palm
        lag = trailing[PALM].ravel()
        self._palm, self.palm_covariance = palm, palm + np.outer(lag, lag)

    def _start(
        self,
        stamp: float,
        points: np.ndarray,
        covariance: np.ndarray,
        palm: np.ndarray | None,
    ) -> None:
        self._palm = self.palm_covariance = palm
        self._stamp = stamp
        self._points, self._covariance = points.copy(), covariance.copy()
        self._lagging = covariance.copy()
        self._speed = np.zeros_like(points)


class Smoothing:
    """A One-Euro filter for each tracked hand, or none.  Not thread-safe."""

    def __init__(self, settings: bool | OneEuroParameters) -> None:
        """Take true for the default settings, settings, or false for none.

        Raises TypeError for anything else.
        """
        if not isinstance(settings, (bool, OneEuroParameters)):
            kind = type(settings).__name__
            raise TypeError(f"smoothing must be true, false or OneEuroParameters, got {kind}")
        self._parameters = OneEuroParameters() if settings is True else settings
        self._filters: dict[int, OneEuroFilter] = {}

    def __call__(self, stamp: float, hands: Sequence[HandPose]) -> list[HandPose]:
        """Return the hands of an image, smoothed; pixels and depths stay as they were seen."""
        if not self._parameters:
            return list(hands)
        # A track that is not reported has ended: so has its filter.
        self._filters = {
            h.track_id: self._filters.get(h.track_id) or OneEuroFilter(self._parameters)
            for h in hands
        }
        return [self._smooth(stamp, hand) for hand in hands]

    def reset(self) -> None:
        """Forget all hands."""
        self._filters = {}

    def _smooth(self, stamp: float, hand: HandPose) -> HandPose:
        if hand.state == "lost":
            return hand
        smooth = self._filters[hand.track_id]
        points, covariance = smooth(stamp, hand.keypoints, hand.covariance, hand.palm_covariance)
        palm = smooth.palm_covariance
        return replace(hand, keypoints=points, covariance=covariance, palm_covariance=palm)


def _weight(cutoff: float | np.ndarray, interval: float) -> np.ndarray:
    """Return the weight of the newest sample in a first-order low-pass (the paper's alpha)."""
    return np.asarray(1.0 / (1.0 + 1.0 / (2 * math.pi * np.asarray(cutoff) * interval)))

"""How much of a hand's covariance is jitter: new in every image, so that a filter can remove it.

The rest stays from image to image: a wrong hand size, and the network's errors at a pose.  The
part of the size is known and left out; the jitter's share of what remains is measured on the track
itself, by third differences, which a smooth motion hardly has: of the palm's distance, of the
keypoints' depths relative to it, and across the ray.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hand_pose_25d.geometry.wrist_frame import PALM
from hand_pose_25d.reconstruction.error_model import NETWORK
from hand_pose_25d.skeleton import NUM_KEYPOINTS

FIRST_SHARE = 0.1
"""Before anything is measured."""
LEAST_SHARE = 1e-3
SHARE_MEMORY = 1.5
"""Seconds over which the shares are averaged."""
LEAST_VARIANCE = 0.1
"""Of a variance, where the size's part would leave less."""
THIRD_DIFFERENCE = 20.0
"""Variance of the third difference of white noise over the noise's: 1 + 9 + 9 + 1."""
MEDIAN_CHI2_1 = 0.4549
"""Median of chi-square with one degree of freedom."""
LARGEST_SURPRISE = 9.0
"""Shares: an image counts for no more, so that one outlier does not open the filter."""
_ALONG = np.array([[0, 0, 1]] * NUM_KEYPOINTS + [[2, 2, 2]])
"""(22, 3): which share is a coordinate's: 0 across, 1 along, 2 the palm's distance."""


class Spread(NamedTuple):
    """A hand in the axes of the ray to its palm: two across it, and along it."""

    axes: np.ndarray
    """(3, 3), the axes as columns."""
    measured: np.ndarray
    """(22, 3) m: the keypoints, along the ray relative to the palm's mean distance, which is the
    last row's third number."""
    variance: np.ndarray
    """(22, 3) m^2 of these, without the size's part."""
    whole: np.ndarray
    """(21, 3) m^2, of the keypoints, with it."""

    @classmethod
    def of(
        cls,
        keypoints: np.ndarray,
        covariance: np.ndarray,
        palm_covariance: np.ndarray | None,
        size_variance: float,
    ) -> Spread | None:
        """Return the hand (21, 3) m in its axes; None where the palm is not whole."""
        axes = ray_axes(keypoints)
        if axes is None:
            return None
        whole = ((covariance @ axes) * axes).sum(1)
        palm = None if palm_covariance is None else _mean_variance(palm_covariance, axes[:, 2])
        distance_variance = float(whole[PALM, 2].min()) if palm is None else palm
        if not (distance_variance > 0 and math.isfinite(distance_variance)):
            return None
        measured, variance = np.zeros((2, NUM_KEYPOINTS + 1, 3))
        variance[NUM_KEYPOINTS] = 1.0
        variance[:NUM_KEYPOINTS] = whole
        measured[:NUM_KEYPOINTS], distance = in_axes(keypoints, axes)
        measured[NUM_KEYPOINTS, 2] = distance
        sized = NETWORK.tails * size_variance * distance * distance
        variance[NUM_KEYPOINTS, 2] = max(
            distance_variance - sized, LEAST_VARIANCE * distance_variance
        )
        along = whole[:, 2]
        variance[:NUM_KEYPOINTS, 2] = np.maximum(along - distance_variance, LEAST_VARIANCE * along)
        return cls(axes, measured, variance, whole)


def ray_axes(keypoints: np.ndarray) -> np.ndarray | None:
    """Return the axes (3, 3), as columns, of the ray to the palm; None where it is not whole."""
    x, y, z = keypoints[PALM].mean(0).tolist()
    length = math.sqrt(x * x + y * y + z * z)
    if not (math.isfinite(length) and z > 0):
        return None
    x, y, z = x / length, y / length, z / length
    side = math.sqrt(x * x + z * z)
    return np.array([[z / side, -x * y / side, x], [0.0, side, y], [-x / side, -y * z / side, z]])


def in_axes(keypoints: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (..., 21, 3) m in the axes, along the ray relative to the palm; and its distance."""
    local = keypoints @ axes
    distance = local[..., PALM, 2].mean(-1)
    local[..., 2] -= distance[..., None]
    return local, distance


def _mean_variance(palm_covariance: np.ndarray, along: np.ndarray) -> float:
    """Return the variance of the palm's mean distance along a direction."""
    weights = np.tile(along / len(PALM), len(PALM))
    return float(weights @ palm_covariance @ weights)


class JitterShares:
    """Measures a track's jitter.  Not thread-safe."""

    def __init__(self) -> None:
        """Begin with `FIRST_SHARE`."""
        self.shares = np.full(3, FIRST_SHARE)
        """Across, along, of the palm's distance."""
        self._past: list[tuple[float, np.ndarray]] = []
        self._count = 1.0

    def __call__(self, stamp: float, keypoints: np.ndarray, spread: Spread) -> np.ndarray:
        """Take an image of the hand; return the jitter's variance (22, 3) m^2."""
        past = [*self._past, (stamp, keypoints)]
        self._past = past[-3:]
        if len(past) == 4:
            steps = [b[0] - a[0] for a, b in zip(past, past[1:], strict=False)]
            if max(steps) < 1.2 * min(steps):  # else it is no third difference
                self._measure(np.array([points for _, points in past]), spread, steps[-1])
        return spread.variance * self.shares[_ALONG]

    def _measure(self, past: np.ndarray, spread: Spread, step: float) -> None:
        local, distance = in_axes(past, spread.axes)
        third = local[3] - 3 * local[2] + 3 * local[1] - local[0]
        whole = float(distance[3] - 3 * distance[2] + 3 * distance[1] - distance[0])
        ratio = third * third / spread.variance[:NUM_KEYPOINTS]
        ratio = ratio[np.isfinite(ratio).all(1)]
        of_keypoints = [np.median(ratio[:, :2]), np.median(ratio[:, 2])]
        found = np.array(
            [of_keypoints[0] / MEDIAN_CHI2_1, of_keypoints[1] / MEDIAN_CHI2_1,
             whole * whole / spread.variance[NUM_KEYPOINTS, 2]]
        ) / THIRD_DIFFERENCE  # fmt: skip
        self._count += 1
        weight = max(1 / self._count, 1 - math.exp(-step / SHARE_MEMORY))
        found = np.minimum(found, LARGEST_SURPRISE * self.shares)
        self.shares = np.clip(self.shares + weight * (found - self.shares), LEAST_SHARE, 1.0)

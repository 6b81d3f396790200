"""How much of a hand's covariance is jitter: new in every image, so that a filter can remove it.

The rest stays from image to image: a wrong hand size, and the network's errors at a pose.  The
part of the size is known and left out; the jitter's share of what remains is measured on the track
itself, by third differences: of the palm's distance, of the keypoints' depths relative to it, and
of their directions.  A motion has such differences, too, up to what its first differences allow:
a hand that waves has large ones at 15 images a second.  So they tell how much jitter there is at
least and at most, and the share changes only as far as it must.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hand_pose_25d.geometry.wrist_frame import PALM
from hand_pose_25d.reconstruction.error_model import NETWORK
from hand_pose_25d.skeleton import NUM_KEYPOINTS

FIRST_SHARES = (0.06, 0.02, 0.1)
"""Of directions, of depths, of the palm's distance, before anything is measured: as on clips."""
FIRST_COUNT = 1.0
"""Images for which these count."""
LEAST_SHARE = 1e-3
SHARE_MEMORY = 1.5
"""Seconds in which a share may change by a factor e."""
FASTEST = 3.0
"""Hz: no hand waves faster."""
LEAST_VARIANCE = 0.1
"""Of a variance, where the size's part would leave less."""
THIRD_DIFFERENCE = 20.0
"""Variance of the third difference of white noise over the noise's: 1 + 9 + 9 + 1."""
MEDIAN_CHI2_1 = 0.4549
"""Median of chi-square with one degree of freedom."""
LARGEST_RATIO, MEAN_OF_CUT = 3.0, 0.858
"""What one image may tell of the distance's jitter, over its share: a motion that stops tells too
much; and the mean of chi-square with one degree of freedom that is cut off there."""
DISTANCE_GAIN = 1.2
"""Of the distance's share, which is told by one number an image, by how large it is."""
_SHARE_OF = np.array([[0, 0, 1]] * NUM_KEYPOINTS + [[2, 2, 2]])
"""(22, 3): which share is a coordinate's: 0 of directions, 1 of depths, 2 the palm's distance."""
_LEAST_TANGENT_VARIANCE = 1e-12


class Spread(NamedTuple):
    """A hand by directions and depths, in which a camera's errors are independent.

    A depth that is wrong moves a keypoint along its own ray, and leaves its direction.
    """

    measured: np.ndarray
    """(22, 3): x/z, y/z, and z relative to the palm's mean z, m, of each keypoint; the palm's
    mean z, m, is the last row's third number."""
    variance: np.ndarray
    """(22, 3) of these, without the size's part."""
    whole: np.ndarray
    """(21, 3), of x/z, y/z and z, m^2, of the keypoints, with it."""

    @classmethod
    def of(
        cls,
        keypoints: np.ndarray,
        covariance: np.ndarray,
        palm_covariance: np.ndarray | None,
        size_variance: float,
    ) -> Spread | None:
        """Return the hand (21, 3) m; None where its palm is not whole and before the camera."""
        z, palm = keypoints[:, 2], keypoints.take(PALM, axis=0)
        if not math.isfinite(palm.sum()) or (z <= 0).any():
            return None
        distance = float(palm[:, 2].sum()) / len(PALM)
        z_variance = covariance[:, 2, 2]
        if palm_covariance is None:
            shared = float(z_variance[PALM].min())
        else:
            shared = float(palm_covariance[2::3, 2::3].sum()) / len(PALM) ** 2
        if not (shared > 0 and math.isfinite(shared)):
            return None
        measured, variance = np.zeros((2, NUM_KEYPOINTS + 1, 3))
        whole = np.empty((NUM_KEYPOINTS, 3))
        inverse = 1 / z[:, None]
        tangents = keypoints[:, :2] * inverse
        both = tangents * z_variance[:, None] - 2 * covariance[:, :2, 2]
        across = covariance.diagonal(axis1=1, axis2=2)[:, :2] + tangents * both
        whole[:, :2] = np.maximum(across * inverse * inverse, _LEAST_TANGENT_VARIANCE)
        whole[:, 2] = z_variance
        measured[:NUM_KEYPOINTS, :2] = tangents
        measured[:NUM_KEYPOINTS, 2] = z - distance
        measured[NUM_KEYPOINTS, 2] = distance
        variance[:NUM_KEYPOINTS] = whole
        variance[:NUM_KEYPOINTS, 2] = np.maximum(z_variance - shared, LEAST_VARIANCE * z_variance)
        sized = NETWORK.tails * size_variance * distance * distance
        variance[NUM_KEYPOINTS] = max(shared - sized, LEAST_VARIANCE * shared)
        return cls(measured, variance, whole)


class JitterShares:
    """Measures a track's jitter.  Not thread-safe."""

    def __init__(self) -> None:
        """Begin with `FIRST_SHARES`."""
        self.shares = np.array(FIRST_SHARES)
        """Of directions, of depths, of the palm's distance."""
        self._past: list[tuple[float, np.ndarray]] = []
        self._count = FIRST_COUNT

    def __call__(self, stamp: float, spread: Spread) -> np.ndarray:
        """Take an image of the hand; return the jitter's variance (22, 3), as `Spread` has it."""
        past = [*self._past, (stamp, spread.measured)]
        self._past = past[-3:]
        if len(past) == 4:
            stamps = [at for at, _ in past]
            steps = [b - a for a, b in zip(stamps, stamps[1:], strict=False)]
            if max(steps) < 1.2 * min(steps):  # else it is no third difference
                self._measure([points for _, points in past], spread.variance, steps[-1])
        return spread.variance * self.shares[_SHARE_OF]

    def _measure(self, past: list[np.ndarray], variance: np.ndarray, step: float) -> None:
        a, b, c, d = past
        first, second, last = b - a, c - b, d - c
        third = last - 2 * second + first
        squares = np.empty((2, *variance.shape))
        np.multiply(third, third, out=squares[1])
        np.divide(first * first + second * second + last * last, 3, out=squares[0])
        moved, jerked = _medians(squares / variance)
        allowed = moved_third_difference(step)
        least = (jerked - allowed * moved) / (THIRD_DIFFERENCE - 2 * allowed) / self.shares
        most = jerked / THIRD_DIFFERENCE / self.shares  # were the hand at rest
        off = np.minimum(np.maximum(np.minimum(least, LARGEST_RATIO / MEAN_OF_CUT), 1), most) - 1
        change = np.sign(off)
        change[2] = DISTANCE_GAIN * off[2]
        self._count += 1
        shares = self.shares * np.exp(max(1 / self._count, step / SHARE_MEMORY) * change)
        self.shares = np.minimum(np.maximum(shares, LEAST_SHARE), 1.0)


def moved_third_difference(step: float) -> float:
    """Return how large a motion's squared third difference may be, over its squared first one.

    That of an oscillation of `FASTEST` at steps of so many seconds; always below that of noise.
    """
    turn = math.pi * FASTEST * step
    return min((2 * math.sin(min(turn, math.pi / 2))) ** 4, THIRD_DIFFERENCE / 2.5)


def _medians(ratios: np.ndarray) -> np.ndarray:
    """(M, 22, 3) -> (M, 3): of directions, of depths, of the palm's distance, as variances."""
    keypoints = ratios[:, :NUM_KEYPOINTS]
    found = np.empty((len(ratios), 3))
    found[:, 0] = _median(keypoints[..., :2].reshape(len(ratios), -1))
    found[:, 1] = _median(keypoints[..., 2])
    found[:, :2] /= MEDIAN_CHI2_1
    np.divide(ratios[:, -1, 2], MEAN_OF_CUT, out=found[:, 2])
    return found


def _median(values: np.ndarray) -> np.ndarray:
    """Return (M,) of the rows of (M, N); NaN, in the same columns of all rows, do not count."""
    ordered = np.sort(values, axis=-1)
    count = np.count_nonzero(np.isfinite(ordered[0]))
    return ordered[:, count // 2]

"""The equations that tie a 2.5D pose to its hand's bones, one a bone, linearised for many hands.

    log |P_child - P_parent| = log L_bone,    P_k = (Z + C (z_k + e_k)) (x_k + dx_k, y_k + dy_k, 1)

The unknowns are the root's depth Z and the errors of the pixels (dx, dy), of the relative depths
(e) and of the bone lengths L, each error with a Gaussian prior.  C is the L of the reference bone,
since the network's depths are in units of it.  Metres, in the frame of the (virtual) camera.
`reconstruction/map_solver.py` solves them.

Keypoints and bones are the last axis of every array, so that few operations do for all; where both
ends of the bones are in one array, the parent's is negative: the bone is their sum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.reconstruction.depth_samples import DepthRows
from hand_pose_25d.reconstruction.error_model import ErrorModel
from hand_pose_25d.skeleton import BONES, NUM_KEYPOINTS, REFERENCE_BONE, WRIST

ENDS = np.array([(child, parent) for parent, child in BONES])
"""(20, 2): the child and the parent of each bone."""
CHILD, PARENT = ENDS.T
REFERENCE = BONES.index(REFERENCE_BONE)
AT_WRIST = np.flatnonzero(PARENT == WRIST)
ONWARD = np.flatnonzero(PARENT != WRIST)
"""Bones that begin where the bone before them ends."""
LOG_SCALE = 3 * NUM_KEYPOINTS
"""Where log C's error comes in `State.errors`, after the keypoints'."""

_ENDS = np.ascontiguousarray(ENDS.T)
_AT_CHILD, _AT_PARENT = np.eye(NUM_KEYPOINTS)[:, _ENDS].swapaxes(0, 1)
_TO_ENDS = np.concatenate([_AT_CHILD, -_AT_PARENT, _AT_CHILD - _AT_PARENT], 1)
"""(21, 60): makes of keypoints' coordinates the child's, minus the parent's, and their sum."""
_BONE = np.arange(len(BONES))
_PLACES = (
    _BONE * (LOG_SCALE + 1) + np.arange(3)[:, None, None] * NUM_KEYPOINTS + _ENDS[:, _BONE]
).ravel()
"""Where (3, 2, 20) numbers, of both ends' errors by bone, come in a (20, 64) matrix."""
_SLACK = 1e-18  # a billionth of a length, squared: exact inputs leave a system that can be solved


class Measurement(NamedTuple):
    """What was seen of N hands; keypoints not seen are zero and their bones switched off."""

    at: np.ndarray
    """(N, 3, 21) normalised coordinates x and y, and depth relative to the root in units of the
    reference bone."""
    factor: np.ndarray
    """(N, 4, 21) F_xx, F_yy, F_ee, F_yx, all else zero: F F^T is the covariance of
    (dx, dy, e) = F w; w has unit variances."""
    log_mean: np.ndarray
    """(N, 20) of log L, L in metres."""
    log_covariance: np.ndarray
    """(N, 20, 20) of log L."""
    seen: np.ndarray
    """(N, 21) bool."""
    bones: np.ndarray
    """(N, 20) 1.0 where both ends are seen, else 0.0."""
    depth: DepthRows | None = None
    """Of a depth camera, where there is one."""

    def take(self, index: np.ndarray | slice) -> Measurement:
        """Return the hands of this index."""
        depth = None if self.depth is None else self.depth.take(index)
        return Measurement._make([*(a[index] for a in self[:-1]), depth])


class Problem(NamedTuple):
    """A measurement as every step needs it."""

    errors: ErrorModel
    depth: DepthRows | None
    measured: np.ndarray  # (N, 3, 21): x, y, relative depth
    factor: np.ndarray  # (N, 4, 21)
    end_factor: np.ndarray  # (N, 4, 2, 20), of the child and of the parent
    sideways: np.ndarray  # (N, 2, 2, 20), covariances of both ends' dx plus those of their dy
    inward: np.ndarray  # (N, 2, 2, 20), covariances of both ends' e
    bones: np.ndarray  # (N, 20)
    log_mean: np.ndarray  # (N, 20), of log L
    covariance: np.ndarray  # (N, 20, 20), of log L; bones not seen are known by themselves
    with_scale: np.ndarray  # (N, 20), its covariance with log C
    scale_variance: np.ndarray  # (N, 1), of log C

    @classmethod
    def of(cls, seen: Measurement, errors: ErrorModel) -> Problem:
        """Prepare a measurement."""
        bones = seen.bones
        end_factor = seen.factor.take(_ENDS, axis=2)
        # Covariances of two ends by each w: dx by the first, dy by the first and second, e.
        by_each = end_factor[:, :, :, None] * end_factor[:, :, None] * errors.of_ends
        return cls(
            errors,
            seen.depth,
            seen.at,
            seen.factor,
            end_factor,
            by_each[:, 0] + by_each[:, 1] + by_each[:, 3],
            by_each[:, 2],
            bones,
            seen.log_mean,
            *_of_bones(bones, seen.log_covariance),
        )

    def with_bone_covariance(self, log_covariance: np.ndarray) -> Problem:
        """Return the problem with another covariance of log L: (N, 20, 20)."""
        return Problem(*self[:-3], *_of_bones(self.bones, log_covariance))

    def take(self, index: np.ndarray) -> Problem:
        """Return the hands of this index."""
        depth = None if self.depth is None else self.depth.take(index)
        return Problem(self.errors, depth, *(a[index] for a in self[2:]))


def _of_bones(
    bones: np.ndarray, log_covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the last three fields of a `Problem`."""
    covariance = bones[:, :, None] * log_covariance * bones[:, None]
    diagonal(covariance)[:] += _SLACK + (1.0 - bones)
    with_scale = bones * log_covariance[:, REFERENCE]
    return covariance, with_scale, log_covariance[:, REFERENCE, REFERENCE, None]


class State(NamedTuple):
    """Estimates of the unknowns of N hands."""

    depth: np.ndarray  # (N,) m, of the root
    errors: np.ndarray  # (N, 64): the keypoints' w (3, 21), and log C - its mean


class Equations(NamedTuple):
    """The bones' equations at a state: by_depth dZ + by_errors (w, dlog C) - length = rest."""

    points: np.ndarray  # (N, 3, 21)
    rays: np.ndarray  # (N, 3, 21), derivative of the points by Z
    scale: np.ndarray  # (N,), C
    by_depth: np.ndarray  # (N, 20)
    by_errors: np.ndarray  # (N, 20, 64); each has only its two ends' w, and log C
    shared: np.ndarray  # (N, 64, 20), covariance of the errors with the equations
    spread: np.ndarray  # (N, 20, 20), covariance of the left side under the errors' priors
    rest: np.ndarray  # (N, 20)


def ends_of(xy: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place keypoints at a depth on their rays: (N, 2, 21), (N, 21).

    Return (N, 6, 21), the rays (x, y, 1) and the points, and (N, 6, 3, 20), these of each bone's
    child, minus those of its parent, and the sum of both.
    """
    n = len(depth)
    places = np.empty((n, 6, NUM_KEYPOINTS))
    places[:, :2], places[:, 2] = xy, 1.0
    np.multiply(places[:, :3], depth[:, None], out=places[:, 3:])
    return places, (places @ _TO_ENDS).reshape(n, 6, 3, len(BONES))


def diagonal(matrices: np.ndarray) -> np.ndarray:
    """Return the diagonals of square matrices, (N, K, K) -> (N, K), to read and to write."""
    n, size = matrices.shape[:2]
    return matrices.reshape(n, size * size)[:, :: size + 1]


def linearise(problem: Problem, state: State) -> Equations:
    """Return the bones' equations at a state."""
    n, bones = len(state.depth), problem.bones
    log_scale = state.errors[:, LOG_SCALE]
    white = state.errors[:, :LOG_SCALE].reshape(n, 3, NUM_KEYPOINTS)
    at = white * problem.factor[:, :3]
    at[:, 1] += white[:, 0] * problem.factor[:, 3]
    at += problem.measured
    scale = np.exp(problem.log_mean[:, REFERENCE] + log_scale)
    places, ends = ends_of(at[:, :2], state.depth[:, None] + scale[:, None] * at[:, 2])
    vectors = ends[:, :3]
    vectors[:, :, 2] = ends[:, 3:, 2]  # both rays and the bone
    of_bones = vectors.transpose(0, 3, 2, 1)
    products = (of_bones @ of_bones.swapaxes(2, 3)).transpose(0, 2, 3, 1)  # each with each
    square = np.maximum(products[:, 2, 2], 1e-12)
    inverse = (bones / square)[:, None]  # times the bone: log L by the child's position
    along = products[:, 2, :2] * inverse  # as an end recedes along its ray
    # An end's (dx, dy) moves it sideways by its depth, its e moves it along its ray by C.
    local = np.empty((n, 3, 2, len(BONES)))
    pull = vectors[:, :2, 2] * inverse
    np.multiply(pull[:, :, None], ends[:, 5, None, :2], out=local[:, :2])
    np.multiply(along, scale[:, None, None], out=local[:, 2])
    by_white = local * problem.end_factor[:, :3]
    by_white[:, 0] += local[:, 1] * problem.end_factor[:, 3]
    by_depth = along[:, 0] + along[:, 1]
    by_scale = bones - state.depth[:, None] * by_depth  # L grows as Z and C do together

    by_errors = np.zeros((n, len(BONES), LOG_SCALE + 1))
    flat = by_errors.reshape(n, len(BONES) * (LOG_SCALE + 1))
    flat[:, _PLACES] = by_white.reshape(n, _PLACES.size)
    by_errors[..., LOG_SCALE] = by_scale
    shared = np.empty((n, LOG_SCALE + 1, len(BONES)))
    of_white = shared[:, :LOG_SCALE].reshape(n, 3, NUM_KEYPOINTS, len(BONES))
    with_ends = problem.errors.with_ends  # of the child, of the parent
    np.multiply(with_ends[0], by_white[:, :, 0, None], out=of_white)
    of_white += with_ends[1] * by_white[:, :, 1, None]
    with_lengths = shared[:, LOG_SCALE]
    np.subtract(problem.scale_variance * by_scale, problem.with_scale, out=with_lengths)

    spread = by_errors @ shared
    variance = diagonal(spread)
    linear = variance - by_scale * with_lengths  # by w alone
    excess, curved = _second_order(problem, products, ends[:, 5, :2], scale, square, linear)
    spread += problem.covariance
    spread -= problem.with_scale[:, :, None] * by_scale[:, None]
    variance += curved * bones

    rest = (by_errors @ state.errors[:, :, None])[..., 0]
    rest -= bones * (np.log(square) / 2 - excess - problem.log_mean)
    rays, points = places[:, :3], places[:, 3:]
    return Equations(points, rays, scale, by_depth, by_errors, shared, spread, rest)


def _second_order(
    problem: Problem,
    products: np.ndarray,
    depth: np.ndarray,
    scale: np.ndarray,
    square: np.ndarray,
    linear_variance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of log L that a linear view of the errors leaves out.

    Errors across a bone make it look longer, whichever way they point.  For an error of covariance
    Q of a bone of length L along u, |P - P'|^2 has the mean m = L^2 + tr Q and the variance
    4 L^2 u'Qu + 2 tr Q^2; its logarithm, to second order, is log m less half the relative one.
    """
    both = problem.inward * np.square(scale)[:, None, None, None]
    both *= products[:, :2, :2]
    both += problem.sideways * (depth[:, :, None] * depth[:, None])
    trace = both.reshape(len(both), 4, len(BONES)).sum(1)
    share = square / (square + trace)  # L^2 / m
    linear = share * linear_variance
    curved = np.square(np.maximum((1 - share) - linear, 0.0)) / 2
    excess = -np.log(share) / 2 - share * linear - curved
    return problem.errors.lengthening * excess, curved

"""The equations that tie a 2.5D pose to its hand's bones, one a bone, linearised for many hands.

    log |P_child - P_parent| = log L_bone,    P_k = (Z + C (z_k + e_k)) (x_k + dx_k, y_k + dy_k, 1)

The unknowns are the root's depth Z and the errors of the pixels (dx, dy), of the relative depths
(e) and of the bone lengths L, each error with a Gaussian prior.  C is the L of the reference bone,
since the network's depths are in units of it.  Metres, in the frame of the (virtual) camera.
`reconstruction/map_solver.py` solves them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.reconstruction.error_model import ErrorModel
from hand_pose_25d.skeleton import BONES, NUM_KEYPOINTS, REFERENCE_BONE, WRIST

ENDS = np.array([(child, parent) for parent, child in BONES])
"""(20, 2): the child and the parent of each bone."""
CHILD, PARENT = ENDS.T
REFERENCE = BONES.index(REFERENCE_BONE)
AT_WRIST = np.flatnonzero(PARENT == WRIST)
ONWARD = np.flatnonzero(PARENT != WRIST)
"""Bones that begin where the bone before them ends."""

BONE = np.arange(len(BONES))
_SLACK = 1e-18  # a billionth of a length, squared: exact inputs leave a system that can be solved


class Measurement(NamedTuple):
    """What was seen of N hands; keypoints not seen are zero and their bones switched off."""

    xy: np.ndarray
    """(N, 21, 2) normalised coordinates."""
    relative: np.ndarray
    """(N, 21) depth relative to the root, in units of the reference bone."""
    factor: np.ndarray
    """(N, 21, 3, 3): F F^T is the covariance of (dx, dy, e) = F w; w has unit variances."""
    log_mean: np.ndarray
    """(N, 20) of log L, L in metres."""
    log_covariance: np.ndarray
    """(N, 20, 20) of log L."""
    seen: np.ndarray
    """(N, 21) bool."""
    bones: np.ndarray
    """(N, 20) 1.0 where both ends are seen, else 0.0."""


class Problem(NamedTuple):
    """A measurement and what every step needs of it."""

    seen: Measurement
    errors: ErrorModel
    ends: np.ndarray  # (N, 20, 2, 3, 3), the factors of the child and of the parent
    covariance: np.ndarray  # (N, 20, 20), of log L; zero for bones not seen
    with_scale: np.ndarray  # (N, 20), its covariance with log C
    scale_variance: np.ndarray  # (N, 1), of log C
    sideways: np.ndarray  # (N, 21), variance of dx plus dy
    inward: np.ndarray  # (N, 21), variance of e
    sideways_shared: np.ndarray  # (N, 20), covariances of both ends' dx plus dy
    inward_shared: np.ndarray  # (N, 20), covariance of both ends' e
    slack: np.ndarray  # (N, 20), for bones not seen to count as known exactly

    @classmethod
    def of(cls, seen: Measurement, errors: ErrorModel) -> Problem:
        """Prepare a measurement."""
        covariance = seen.bones[:, :, None] * seen.log_covariance * seen.bones[:, None]
        with_scale = seen.bones * seen.log_covariance[:, REFERENCE]
        variances = np.square(seen.factor).sum(-1)
        ends = seen.factor[:, CHILD] * seen.factor[:, PARENT]
        shared = np.einsum("nbij,jb->nbi", ends, errors.correlation[:, CHILD, PARENT])
        return cls(
            seen,
            errors,
            seen.factor[:, ENDS],
            covariance,
            with_scale,
            seen.log_covariance[:, REFERENCE, REFERENCE, None],
            variances[..., 0] + variances[..., 1],
            variances[..., 2],
            shared[..., 0] + shared[..., 1],
            shared[..., 2],
            _SLACK + (1.0 - seen.bones),
        )

    def take(self, index: np.ndarray) -> Problem:
        """Return the hands of this index."""
        seen, errors, *rest = self
        seen = Measurement(*(a[index] for a in seen))
        return Problem(seen, errors, *(a[index] for a in rest))


class State(NamedTuple):
    """Estimates of the unknowns of N hands."""

    depth: np.ndarray  # (N,) m, of the root
    white: np.ndarray  # (N, 21, 3), each keypoint's w
    length: np.ndarray  # (N, 20) log L - its mean


class Equations(NamedTuple):
    """The bones' equations at a state: by_depth dZ + by_white w + by_scale dC - length = rest.

    Each has only its two ends' w; dC is the `length` of the reference bone.
    """

    points: np.ndarray  # (N, 21, 3)
    rays: np.ndarray  # (N, 21, 3), derivative of the points by Z
    relative: np.ndarray  # (N, 21), derivative of the depths by C
    scale: np.ndarray  # (N,), C
    by_depth: np.ndarray  # (N, 20)
    by_white: np.ndarray  # (N, 20, 2, 3), of the child's and of the parent's w
    shared: np.ndarray  # (N, 3, 21, 20), covariance of the keypoints' w with the equations
    by_scale: np.ndarray  # (N, 20), by log C
    spread: np.ndarray  # (N, 20, 20), covariance of the left side under the errors' priors
    rest: np.ndarray  # (N, 20)


def linearise(problem: Problem, state: State) -> Equations:
    """Return the bones' equations at a state."""
    seen = problem.seen
    n = len(state.depth)
    own = (seen.factor @ state.white[..., None])[..., 0]
    scale = np.exp(seen.log_mean[:, REFERENCE] + state.length[:, REFERENCE])
    relative = seen.relative + own[..., 2]
    depth = state.depth[:, None] + scale[:, None] * relative
    rays = np.ones((n, NUM_KEYPOINTS, 3))
    rays[..., :2] = seen.xy + own[..., :2]
    points = depth[..., None] * rays
    bone = points[:, CHILD] - points[:, PARENT]
    square = np.maximum(np.einsum("nbi,nbi->nb", bone, bone), 1e-12)
    pull = np.empty((n, len(BONES), 2, 3))  # log L by the child's and the parent's position
    pull[:, :, 0] = bone * (seen.bones / square)[..., None]
    pull[:, :, 1] = -pull[:, :, 0]
    along = np.einsum("nbei,nbei->nbe", pull, rays[:, ENDS])  # as an end recedes along its ray
    # An end's (dx, dy) moves it sideways by its depth, its e moves it along its ray by C.
    local = np.empty((n, len(BONES), 2, 3))
    local[..., :2] = pull[..., :2] * depth[:, ENDS, None]
    local[..., 2] = along * scale[:, None, None]
    white = (local[..., None, :] @ problem.ends)[..., 0, :]
    by_scale = np.einsum("nbe,nbe->nb", along, relative[:, ENDS]) * scale[:, None]

    cross = problem.with_scale - problem.scale_variance * by_scale / 2
    outer = by_scale[:, :, None] * cross[:, None]
    spread = problem.covariance - outer - outer.swapaxes(1, 2)
    dense = np.zeros((n, 3, len(BONES), NUM_KEYPOINTS))
    dense[:, :, BONE, CHILD] = white[:, :, 0].swapaxes(1, 2)
    dense[:, :, BONE, PARENT] = white[:, :, 1].swapaxes(1, 2)
    shared = problem.errors.correlation @ dense.swapaxes(2, 3)
    by_errors = (dense @ shared).sum(1)
    excess, curved = _second_order(problem, depth, rays, scale, square, by_errors[:, BONE, BONE])
    spread += by_errors
    spread[:, BONE, BONE] += curved * seen.bones + problem.slack

    rest = np.einsum("nbei,nbei->nb", white, state.white[:, ENDS])
    rest += by_scale * state.length[:, REFERENCE, None]
    rest -= seen.bones * (np.log(square) / 2 - excess - seen.log_mean)
    return Equations(
        points, rays, relative, scale, along.sum(-1), white, shared, by_scale, spread, rest
    )  # fmt: skip


def _second_order(
    problem: Problem,
    depth: np.ndarray,
    rays: np.ndarray,
    scale: np.ndarray,
    square: np.ndarray,
    linear_variance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of log L that a linear view of the errors leaves out.

    Errors across a bone make it look longer, whichever way they point.  For an error of covariance
    Q of a bone of length L along u, |P - P'|^2 has the mean m = L^2 + tr Q and the variance
    4 L^2 u'Qu + 2 tr Q^2; its logarithm, to second order, is log m less half the relative one.
    """
    inward = problem.inward * np.square(scale[:, None]) * np.einsum("nki,nki->nk", rays, rays)
    ends = problem.sideways * depth**2 + inward
    both = np.einsum("nbi,nbi->nb", rays[:, CHILD], rays[:, PARENT]) * problem.inward_shared
    both = both * np.square(scale[:, None])
    both += problem.sideways_shared * depth[:, CHILD] * depth[:, PARENT]
    trace = np.maximum(ends[:, CHILD] + ends[:, PARENT] - 2 * both, 0.0)
    along = square * linear_variance  # u'Qu
    mean = square + trace
    curved = np.square(np.maximum(trace - along, 0.0) / mean) / 2
    excess = np.log(mean / square) / 2 - square * along / mean**2 - curved
    return problem.errors.lengthening * excess, curved

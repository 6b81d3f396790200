"""The most probable hand: all that is uncertain about a 2.5D pose, solved for at once.

The unknowns are the root's depth Z and the errors of the pixels (dx, dy), of the relative depths
(e) and of the bone lengths, each error with a Gaussian prior, tied by one equation a bone,

    log |P_child - P_parent| = log L_bone,    P_k = (Z + C (z_k + e_k)) (x_k + dx_k, y_k + dy_k, 1),

where C is the L of the reference bone, since the network's depths are in units of it.  A
Gauss-Newton step on a problem so constrained is a single 20 x 20 system a hand (the 83 errors are
eliminated in closed form), so a batch of hands is a few array operations.  The same system gives
the covariance.  Metres, and the frame of the (virtual) camera, throughout.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.pose25d import root_depth_quadratic
from hand_pose_25d.skeleton import BONES, NUM_KEYPOINTS, REFERENCE_BONE

ENDS = np.array([(child, parent) for parent, child in BONES])
"""(20, 2): the child and the parent of each bone."""
REFERENCE = BONES.index(REFERENCE_BONE)

_BONE = np.arange(len(BONES))
_MAX_STEPS = 40
_SETTLED = 1e-7  # relative to the distance; the steps shrink quadratically where the fit is exact
_SLACK = 1e-18  # m^2: a nanometre, so that exact inputs leave a system that can be solved
_NEAREST = 0.02  # m, of any keypoint at the start


class Measurement(NamedTuple):
    """What was seen of N hands; keypoints not seen are zero and their bones switched off."""

    xy: np.ndarray
    """(N, 21, 2) normalised coordinates."""
    relative: np.ndarray
    """(N, 21) depth relative to the root, in units of the reference bone."""
    factor: np.ndarray
    """(N, 21, 3, 3): F F^T is the covariance of (dx, dy, e)."""
    log_mean: np.ndarray
    """(N, 20) of log L, L in metres."""
    log_covariance: np.ndarray
    """(N, 20, 20) of log L."""
    seen: np.ndarray
    """(N, 21) bool."""
    bones: np.ndarray
    """(N, 20) 1.0 where both ends are seen, else 0.0."""

    def take(self, index: np.ndarray) -> Measurement:
        """Return the hands of this index."""
        return Measurement(*(a[index] for a in self))


class Posterior(NamedTuple):
    """The most probable hands; not finite where none was found."""

    points: np.ndarray
    """(N, 21, 3) metres."""
    covariance: np.ndarray
    """(N, 21, 3, 3) square metres."""
    scale: np.ndarray
    """(N,) metres, C."""
    root_depth: np.ndarray
    """(N,) metres."""
    settled: np.ndarray
    """(N,) bool: the steps came to an end."""


class _State(NamedTuple):
    depth: np.ndarray  # (N,) m, of the root
    own: np.ndarray  # (N, 21, 3), each keypoint's (dx, dy, e)
    length: np.ndarray  # (N, 20) log L - its mean


class _Linear(NamedTuple):
    """The bones' equations at a state: by_depth dZ + (by own) own + by_length length = rest."""

    points: np.ndarray  # (N, 21, 3)
    rays: np.ndarray  # (N, 21, 3), derivative of the points by Z
    relative: np.ndarray  # (N, 21), derivative of the depths by C
    scale: np.ndarray  # (N,), C
    by_depth: np.ndarray  # (N, 20)
    by_white: np.ndarray  # (N, 20, 63), by w where own = F w
    by_length: np.ndarray  # (N, 20, 20)
    spread: np.ndarray  # (N, 20, 20), covariance of the left side under the errors' priors
    rest: np.ndarray  # (N, 20)


def most_probable(seen: Measurement) -> Posterior:
    """Find the maximum a posteriori of N hands, with the covariance of the linearised problem."""
    n = len(seen.xy)
    with np.errstate(all="ignore"):
        state = _State(
            _first_depth(seen), np.zeros((n, NUM_KEYPOINTS, 3)), np.zeros((n, len(BONES)))
        )
        active = np.flatnonzero(np.isfinite(state.depth))
        for step in range(_MAX_STEPS):
            if not len(active):
                break
            part = seen if len(active) == n else seen.take(active)
            # A tangent that overshoots to and fro is held back in the end.
            after, moved = _step(part, _State(*(a[active] for a in state)), 1 / (1 + step // 10))
            for whole, new in zip(state, after, strict=True):
                whole[active] = new
            active = active[moved > _SETTLED]
        linear = _linearise(seen, state)
        covariance = _covariance(seen, linear)
    settled = np.isfinite(state.depth)
    settled[active] = False
    return Posterior(linear.points, covariance, linear.scale, state.depth, settled)


def _step(seen: Measurement, state: _State, damping: float) -> tuple[_State, np.ndarray]:
    """Take one Gauss-Newton step; also return how far it led, relative to the distance: (N,)."""
    linear = _linearise(seen, state)
    solved = solve(linear.spread, np.stack([linear.rest, linear.by_depth], -1))
    pulls = (linear.by_depth[:, None] @ solved)[:, 0]
    step = pulls[:, 0] / pulls[:, 1]
    # A hand seen end on hardly tells its depth: the tangent may point far beyond where it holds.
    step = np.clip(step, -0.3 * state.depth, 0.3 * state.depth)
    force = solved[..., 0] - solved[..., 1] * step[:, None]
    white = (force[:, None] @ linear.by_white).reshape(len(force), NUM_KEYPOINTS, 3, 1)
    own = (seen.factor @ white)[..., 0] - state.own
    length = (seen.log_covariance @ (force[:, None] @ linear.by_length).swapaxes(1, 2))[..., 0]
    length = length - state.length
    moved = np.maximum(np.abs(own).max((1, 2)), np.abs(step) / state.depth)
    moved = np.maximum(moved, np.abs(length).max(1))
    return _State(*(s + damping * d for s, d in zip(state, (step, own, length), strict=True))), moved


def _linearise(seen: Measurement, state: _State) -> _Linear:
    n = len(state.depth)
    scale = np.exp(seen.log_mean[:, REFERENCE] + state.length[:, REFERENCE])
    relative = seen.relative + state.own[..., 2]
    depth = state.depth[:, None] + scale[:, None] * relative
    rays = np.ones((n, NUM_KEYPOINTS, 3))
    rays[..., :2] = seen.xy + state.own[..., :2]
    points = depth[..., None] * rays
    bone = points[:, ENDS[:, 0]] - points[:, ENDS[:, 1]]
    length = np.sqrt((bone * bone).sum(-1))
    length = np.maximum(length, 1e-6)
    unit = bone * (seen.bones / length)[..., None]
    pull = np.stack([unit, -unit], 2) / length[..., None, None]  # (N, 20, child and parent, 3)
    along = (pull * rays[:, ENDS]).sum(-1)  # how log L grows as an end recedes along its ray
    # An end's (dx, dy) moves it sideways by its depth, its e moves it along its ray by C.
    local = np.empty((n, len(BONES), 2, 3))
    local[..., :2] = pull[..., :2] * depth[:, ENDS, None]
    local[..., 2] = along * scale[:, None, None]
    white = (local[..., None, :] @ seen.factor[:, ENDS])[..., 0, :]
    by_white = np.zeros((n, len(BONES), NUM_KEYPOINTS, 3))
    by_white[:, _BONE, ENDS[:, 0]] = white[:, :, 0]
    by_white[:, _BONE, ENDS[:, 1]] = white[:, :, 1]
    by_white = by_white.reshape(n, len(BONES), -1)
    by_length = np.zeros((n, len(BONES), len(BONES)))
    by_length[:, _BONE, _BONE] = -seen.bones
    by_length[:, :, REFERENCE] += (along * relative[:, ENDS]).sum(-1) * scale[:, None]
    spread = by_white @ by_white.swapaxes(1, 2)
    spread += by_length @ seen.log_covariance @ by_length.swapaxes(1, 2)
    spread[:, _BONE, _BONE] += _SLACK + (1.0 - seen.bones)
    rest = (local * state.own[:, ENDS]).sum((-1, -2))
    rest += (by_length @ state.length[..., None])[..., 0]
    excess, variance = _second_order(seen, points, rays, scale, length, white)
    spread[:, _BONE, _BONE] += seen.bones * variance
    rest -= seen.bones * (np.log(length) - excess - seen.log_mean - state.length)
    return _Linear(
        points, rays, relative, scale, along.sum(-1), by_white, by_length, spread, rest
    )  # fmt: skip


def _covariance(seen: Measurement, linear: _Linear) -> np.ndarray:
    """Return the keypoints' covariance (N, 21, 3, 3): what the errors' priors allow, less what the
    bones' equations explain, plus what the root's depth, known by these alone, brings in."""
    shape = (len(linear.points), NUM_KEYPOINTS, 3, 3)
    inverse = solve(linear.spread, np.broadcast_to(np.eye(len(BONES)), linear.spread.shape))
    weighted = (inverse @ linear.by_depth[..., None])[..., 0]
    depth_variance = 1.0 / (linear.by_depth * weighted).sum(-1)
    by_white = _by_own(linear.points, linear.rays, linear.scale) @ seen.factor
    by_scale = linear.rays * (linear.scale[:, None] * linear.relative)[..., None]
    by_scale = by_scale[..., None]  # (N, 21, 3, 1), by log C
    by_length = (seen.log_covariance[:, REFERENCE, None] @ linear.by_length.swapaxes(1, 2))[:, None]
    equations = linear.by_white.reshape(shape[0], len(BONES), *shape[1:3]).transpose(0, 2, 3, 1)
    gain = by_white @ equations + by_scale * by_length  # (N, 21, 3, 20), with the equations
    before = by_white @ by_white.swapaxes(-1, -2)
    scale_variance = seen.log_covariance[:, REFERENCE, REFERENCE, None, None, None]
    before += scale_variance * (by_scale @ by_scale.swapaxes(-1, -2))
    explained = (gain.reshape(shape[0], -1, len(BONES)) @ inverse).reshape(gain.shape)
    explained = explained @ gain.swapaxes(-1, -2)
    lever = linear.rays[..., None] - gain @ weighted[:, None, :, None]
    covariance = before - explained
    covariance += depth_variance[:, None, None, None] * (lever @ lever.swapaxes(-1, -2))
    return (covariance + covariance.swapaxes(-1, -2)) / 2


def _second_order(
    seen: Measurement,
    points: np.ndarray,
    rays: np.ndarray,
    scale: np.ndarray,
    length: np.ndarray,
    white: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of log L that a linear view of the errors leaves out.

    Errors across a bone make it look longer, whichever way they point.  For an error of covariance
    Q of a bone of length L along u, |P - P'|^2 has the mean m = L^2 + tr Q and the variance
    4 L^2 u'Qu + 2 tr Q^2; its logarithm, to second order, is log m less half the relative variance.
    """
    ends = np.square(_by_own(points, rays, scale) @ seen.factor).sum((-1, -2))
    trace = ends[:, ENDS].sum(-1)
    square = length**2
    along = square * np.square(white).sum((-1, -2))  # u'Qu
    across = np.maximum(trace - along, 0.0)
    mean = square + trace
    curved = (across / mean) ** 2 / 2
    excess = np.log(mean / square) / 2 - square * along / mean**2 - curved
    return excess, curved


def _by_own(points: np.ndarray, rays: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the derivative of each point by its own (dx, dy, e): (N, 21, 3, 3)."""
    by_own = np.zeros((*points.shape, 3))
    by_own[..., 0, 0] = by_own[..., 1, 1] = points[..., 2]
    by_own[..., :, 2] = rays * scale[:, None, None]
    return by_own


def _first_depth(seen: Measurement) -> np.ndarray:
    """Return where to start: of all depths that a bone's closed form proposes, the best for all.

    Every bone has its own quadratic equation for the root's depth (Eq. 3-6); where noise leaves it
    without a root, its vertex is the nearest it gets.  (N,) metres, NaN where no bone is seen.
    """
    mean = np.exp(seen.log_mean)
    scale = mean[:, REFERENCE, None]
    depth = seen.relative * scale
    equations = [
        root_depth_quadratic(seen.xy, depth, bone, mean[:, i]) for i, bone in enumerate(BONES)
    ]
    a, b, c = (np.stack(terms, -1) for terms in zip(*equations, strict=True))
    root = np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))
    proposals = np.concatenate([(root - b) / (2 * a), (-root - b) / (2 * a)], -1)
    nearest = np.where(seen.seen, depth, np.inf).min(-1, keepdims=True)
    proposals = np.where(proposals + nearest > _NEAREST, proposals, np.nan)
    z = proposals[..., None]  # against every bone's length at that depth:
    lengths = np.sqrt(np.maximum((a[:, None] * z + b[:, None]) * z + (c + mean**2)[:, None], 0.0))
    noise = np.square(seen.factor).sum(-1)[:, ENDS].sum(2)  # (N, 20, 3)
    fixed = np.diagonal(seen.log_covariance, axis1=1, axis2=2) * mean**2 + noise[..., 2] * scale**2 + 1e-10
    variance = fixed[:, None] + noise[..., :2].mean(-1)[:, None] * z**2
    misfit = np.square(lengths - mean[:, None]) / variance + np.log(variance)
    cost = (seen.bones[:, None] * misfit).sum(-1)
    best = np.argmin(np.where(np.isfinite(cost), cost, np.inf), -1)
    return np.take_along_axis(proposals, best[:, None], -1)[:, 0]


def solve(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a batch of systems; a singular one is NaN for itself, not an error for all."""
    try:
        return np.linalg.solve(matrices, right)
    except np.linalg.LinAlgError:
        out = np.full(right.shape, np.nan)
        for i, (matrix, side) in enumerate(zip(matrices, right, strict=True)):
            try:
                out[i] = np.linalg.solve(matrix, side)
            except np.linalg.LinAlgError:
                continue
        return out

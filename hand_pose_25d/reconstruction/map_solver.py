"""The maximum a posteriori (MAP) hand: all that is uncertain about a 2.5D pose, solved at once.

One Gauss-Newton step on the bones' equations (`reconstruction/bone_constraints.py`) is a single
20 x 20 system a hand, since the 83 errors of pixels, depths and bone lengths are eliminated in
closed form; so a batch of hands is a few array operations.  The same system gives the covariance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.reconstruction.bone_constraints import (
    CHILD,
    ENDS,
    PARENT,
    REFERENCE,
    Equations,
    Measurement,
    Problem,
    State,
    linearise,
)
from hand_pose_25d.reconstruction.error_model import ErrorModel
from hand_pose_25d.reconstruction.pose25d import root_depth_quadratic
from hand_pose_25d.skeleton import BONES, NUM_KEYPOINTS

_CHUNK = 64  # hands at once: what a processor's cache holds
_MAX_STEPS = 16
_SETTLED = 0.3  # standard deviations: a step so small against the uncertainty is the last
_PATIENCE, _SETTLED_LATE = 6, 0.5  # steps, after which one of half a standard deviation is
_UNSETTLED = 1.0  # standard deviations: a last step beyond it is no end
_EXACT = 1e-11  # relative to the distance; no step below it counts
_NEAREST = 0.02  # m, of any keypoint at the start


class MapEstimate(NamedTuple):
    """MAP estimates; not finite where none was found."""

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


def map_estimate(seen: Measurement, errors: ErrorModel) -> MapEstimate:
    """Find the MAP estimate of N hands, with the covariance of the linearised problem.

    errors: how the keypoints' errors go together.
    """
    n = len(seen.xy)
    chunks = [slice(i, i + _CHUNK) for i in range(0, max(n, 1), _CHUNK)]
    with np.errstate(all="ignore"):
        parts = [_map_chunk(Measurement(*(a[chunk] for a in seen)), errors) for chunk in chunks]
    return MapEstimate(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _map_chunk(seen: Measurement, errors: ErrorModel) -> MapEstimate:
    n = len(seen.xy)
    problem = Problem.of(seen, errors)
    state = State(_first_depth(seen), np.zeros((n, NUM_KEYPOINTS, 3)), np.zeros((n, len(BONES))))
    moved, damping = np.full(n, np.inf), np.ones(n)
    active = np.flatnonzero(np.isfinite(state.depth))
    for step in range(_MAX_STEPS):
        if not len(active):
            break
        if len(active) == n:
            state, now = _step(problem, state, damping)
        else:
            before = State(*(a[active] for a in state))
            after, now = _step(problem.take(active), before, damping[active])
            for whole, new in zip(state, after, strict=True):
                whole[active] = new
        # A bone across the view turns by much for little: tangents that overshoot to and fro are
        # held back.
        damping[active] *= np.where(now > 0.5 * moved[active], 0.6, 1.2)
        np.clip(damping, 0.1, 1.0, out=damping)
        moved[active] = now
        active = active[now > (_SETTLED if step < _PATIENCE else _SETTLED_LATE)]
    equations = linearise(problem, state)
    covariance = _covariance(problem, equations)
    settled = np.isfinite(state.depth) & (moved < _UNSETTLED)
    return MapEstimate(equations.points, covariance, equations.scale, state.depth, settled)


def _step(problem: Problem, state: State, damping: np.ndarray) -> tuple[State, np.ndarray]:
    """Take one Gauss-Newton step; also return its length in standard deviations: (N,)."""
    equations = linearise(problem, state)
    right = np.empty((*equations.rest.shape, 2))
    right[..., 0], right[..., 1] = equations.rest, equations.by_depth
    solved = _solve_systems(equations.spread, right)
    pulls = (equations.by_depth[:, None] @ solved)[:, 0]
    step = pulls[:, 0] / pulls[:, 1]
    # A hand seen end on hardly tells its depth: the tangent may point far beyond where it holds.
    step = np.clip(step, -0.3 * state.depth, 0.3 * state.depth)
    force = solved[..., 0] - solved[..., 1] * step[:, None]  # Lagrange multipliers
    white = (equations.shared @ force[:, None, :, None])[..., 0].swapaxes(1, 2) - state.white
    pull = -problem.seen.bones * force
    pull[:, REFERENCE] += (equations.by_scale * force).sum(-1)
    length = (problem.seen.log_covariance @ pull[..., None])[..., 0] - state.length
    relative = np.abs(step) / state.depth
    moved = np.where(relative > _EXACT, relative * state.depth * np.sqrt(pulls[:, 1]), 0.0)
    moved = np.maximum(moved, np.abs(white).max((1, 2)))
    new = State(
        state.depth + damping * step,
        state.white + damping[:, None, None] * white,
        state.length + damping[:, None] * length,
    )
    return new, moved


def _covariance(problem: Problem, equations: Equations) -> np.ndarray:
    """Return the keypoints' covariance (N, 21, 3, 3): what the errors' priors allow, less what the
    bones' equations explain, plus what the root's depth, known by these alone, brings in."""
    shape = (len(equations.points), NUM_KEYPOINTS, 3, 3)
    right = np.empty((shape[0], len(BONES), len(BONES) + 1))
    right[..., 1:], right[..., 0] = np.eye(len(BONES)), equations.by_depth
    solved = _solve_systems(equations.spread, right)
    weighted, inverse = solved[..., :1], solved[..., 1:]
    depth_variance = 1.0 / (equations.by_depth[:, None] @ weighted)[..., None]
    by_own = np.zeros(shape)
    by_own[..., 0, 0] = by_own[..., 1, 1] = equations.points[..., 2]
    by_own[..., :, 2] = equations.rays * equations.scale[:, None, None]
    by_white = by_own @ problem.seen.factor
    by_scale = equations.rays * (equations.scale[:, None] * equations.relative)[..., None]
    by_scale = by_scale[..., None]  # (N, 21, 3, 1), by log C
    # gain: covariance of each keypoint with the equations, (N, 21, 3, 20)
    variance = problem.scale_variance
    lengths = variance * equations.by_scale - problem.with_scale
    gain = by_white @ equations.shared.swapaxes(1, 2) + by_scale * lengths[:, None, None]
    covariance = by_white @ by_white.swapaxes(-1, -2)
    covariance += variance[..., None, None] * (by_scale @ by_scale.swapaxes(-1, -2))
    flat = gain.reshape(shape[0], 3 * NUM_KEYPOINTS, len(BONES))
    explained = (flat @ inverse).reshape(gain.shape)
    covariance -= explained @ gain.swapaxes(-1, -2)
    lever = equations.rays[..., None] - gain @ weighted[:, None]
    covariance += depth_variance * (lever @ lever.swapaxes(-1, -2))
    return (covariance + covariance.swapaxes(-1, -2)) / 2


def _first_depth(seen: Measurement) -> np.ndarray:
    """Return where to start: of all depths that a bone's closed form proposes, the best for all.

    Every bone has its own quadratic equation for the root's depth (Eq. 3-6); where noise leaves it
    without a root, its vertex is the nearest it gets.  (N,) metres, NaN where no bone is seen.
    """
    mean = np.exp(seen.log_mean)
    scale = mean[:, REFERENCE, None]
    depth = seen.relative * scale
    a, b, c = root_depth_quadratic(seen.xy, depth, (CHILD, PARENT), mean)
    root = np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))
    proposals = np.concatenate([(root - b) / (2 * a), (-root - b) / (2 * a)], -1)
    nearest = np.where(seen.seen, depth, np.inf).min(-1, keepdims=True)
    proposals = np.where(proposals + nearest > _NEAREST, proposals, np.nan)
    z = proposals[..., None]  # against every bone's length at that depth:
    lengths = np.sqrt(np.maximum((a[:, None] * z + b[:, None]) * z + (c + mean**2)[:, None], 0.0))
    noise = np.square(seen.factor).sum(-1)[:, ENDS].sum(2)  # (N, 20, 3)
    fixed = np.diagonal(seen.log_covariance, axis1=1, axis2=2) * mean**2
    fixed = fixed + noise[..., 2] * scale**2 + 1e-10
    variance = fixed[:, None] + noise[..., :2].mean(-1)[:, None] * z**2
    misfit = np.square(lengths - mean[:, None]) / variance + np.log(variance)
    cost = (seen.bones[:, None] * misfit).sum(-1)
    best = np.argmin(np.where(np.isfinite(cost), cost, np.inf), -1)
    return np.take_along_axis(proposals, best[:, None], -1)[:, 0]


def _solve_systems(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
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

"""The maximum a posteriori (MAP) hand: all that is uncertain about a 2.5D pose, solved at once.

One Gauss-Newton step on the bones' equations (`reconstruction/bone_constraints.py`) is a single
20 x 20 system a hand, since the 83 errors of pixels, depths and bone lengths are eliminated in
closed form; so a batch of hands is a few array operations.  The same system gives the covariance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.geometry.vectors import blocks_on_diagonal
from hand_pose_25d.reconstruction.bone_constraints import (
    LOG_SCALE,
    REFERENCE,
    Equations,
    Measurement,
    Problem,
    State,
    diagonal,
    ends_of,
    linearise,
)
from hand_pose_25d.reconstruction.bone_posterior import (
    BoneEvidence,
    BonePosterior,
    bone_posterior,
)
from hand_pose_25d.reconstruction.depth_constraints import with_depth
from hand_pose_25d.reconstruction.error_model import ErrorModel
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
    joint_covariance: np.ndarray
    """(N, 63, 63) square metres, of x, y, z of all keypoints jointly."""
    bones: BonePosterior | None = None


def map_estimate(
    seen: Measurement, errors: ErrorModel, evidence: BoneEvidence | None = None
) -> MapEstimate:
    """Find the MAP estimate of N hands, with the covariance of the linearised problem.

    errors: how the keypoints' errors go together; evidence: what the hands count for in learning
    their bones (`bone_posterior`), of 64 at most; None: the image counts alone.
    """
    n = len(seen.at)
    with np.errstate(all="ignore"):
        if evidence is not None or n <= _CHUNK:
            return _map_chunk(seen, errors, evidence)
        chunks = [slice(i, i + _CHUNK) for i in range(0, n, _CHUNK)]
        parts = [_map_chunk(seen.take(chunk), errors) for chunk in chunks]
    arrays = zip(*(part[:-1] for part in parts), strict=True)
    return MapEstimate(*[np.concatenate(one) for one in arrays])  # type: ignore[arg-type]


def _map_chunk(
    seen: Measurement, errors: ErrorModel, evidence: BoneEvidence | None = None
) -> MapEstimate:
    n = len(seen.at)
    problem = full = Problem.of(seen, errors)
    if evidence is not None:  # the image moves the bones by no more than it counts for
        share = evidence.share if seen.depth is None else seen.depth.share(evidence.share)
        problem = full.with_bone_covariance(share[:, None, None] * seen.log_covariance)
    state = State(_first_depth(seen, problem), np.zeros((n, LOG_SCALE + 1)))
    moved, damping = np.full(n, np.inf), np.ones(n)
    active = np.isfinite(state.depth).nonzero()[0]
    for step in range(_MAX_STEPS if len(active) else 0):
        if len(active) == n:
            state, now = _step(problem, state, damping)
        else:
            after, now = _step_some(problem, state, damping, active)
            for whole, new in zip(state, after, strict=True):
                whole[active] = new
        before, moved[active] = moved[active], now
        going = now > (_SETTLED if step < _PATIENCE else _SETTLED_LATE)
        if not going.any():
            break
        # A bone across the view turns by much for little: tangents that overshoot to and fro are
        # held back.
        held = np.where(now > 0.5 * before, 0.6, 1.2) * damping[active]
        damping[active] = np.minimum(np.maximum(held, 0.1), 1.0)
        active = active[going]
    equations = with_depth(full, state, linearise(full, state))
    covariance, joint = _covariance(full, state, equations)
    bones = None
    if evidence is not None and evidence.teaches:
        bones = bone_posterior(seen, equations, evidence)
    points = np.ascontiguousarray(equations.points.swapaxes(1, 2))
    settled = np.isfinite(state.depth) & (moved < _UNSETTLED)
    return MapEstimate(points, covariance, equations.scale, state.depth, settled, joint, bones)


def _step_some(
    problem: Problem, state: State, damping: np.ndarray, rows: np.ndarray
) -> tuple[State, np.ndarray]:
    """Take one step for some hands, and return theirs."""
    if 2 * len(rows) < len(damping):
        some = State(*(a[rows] for a in state))
        return _step(problem.take(rows), some, damping[rows])
    after, moved = _step(problem, state, damping)  # to pick out those rows would cost more
    return State(*(a[rows] for a in after)), moved[rows]


def _step(problem: Problem, state: State, damping: np.ndarray) -> tuple[State, np.ndarray]:
    """Take one Gauss-Newton step; also return its length in standard deviations: (N,)."""
    equations = with_depth(problem, state, linearise(problem, state))
    right = np.empty((*equations.rest.shape, 2))
    right[..., 0], right[..., 1] = equations.rest, equations.by_depth
    solved = _solve_systems(equations.spread, right)
    pulls = (equations.by_depth[:, None] @ solved)[:, 0]
    step = pulls[:, 0] / pulls[:, 1]
    # A hand seen end on hardly tells its depth: the tangent may point far beyond where it holds.
    farthest = 0.3 * state.depth
    step = np.maximum(np.minimum(step, farthest), -farthest)
    force = solved[..., 0] - solved[..., 1] * step[:, None]  # Lagrange multipliers
    change = (equations.shared @ force[..., None])[..., 0] - state.errors
    # In standard deviations; the keypoints' w have unit variances.
    deeper = np.abs(step)
    moved = (deeper > _EXACT * state.depth) * deeper * np.sqrt(pulls[:, 1])
    moved = np.maximum(moved, np.abs(change[:, :LOG_SCALE]).max(1))
    return State(state.depth + damping * step, state.errors + damping[:, None] * change), moved


def _covariance(
    problem: Problem, state: State, equations: Equations
) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances: of each keypoint (N, 21, 3, 3), and of all jointly (N, 63, 63): what
    the errors' priors allow, less what equations explain, plus what the root's depth brings in.

    With A a point's derivative by its own w, s that by log C, r that by Z (its ray), G the
    covariance of the point with the equations, S theirs and b their derivative by Z:

        A A' + var(log C) s s' - G S^-1 G' + l l' / (b' S^-1 b),    l = r - G S^-1 b

    which is one product of two matrices with the columns A, s, l, G.  Of two keypoints, A A' is
    weighted by the correlations of their w.
    """
    n, rows = equations.rest.shape
    right = np.zeros((n, rows, rows + 1))
    right[..., 0] = equations.by_depth
    right.reshape(n, rows * (rows + 1))[:, 1 :: rows + 2] = 1.0
    solved = _solve_systems(equations.spread, right)
    depth_variance = 1.0 / (equations.by_depth[:, None] @ solved[..., :1])

    depth, rays = equations.points[:, 2], equations.rays.swapaxes(1, 2)
    own = np.zeros((n, NUM_KEYPOINTS, 3, 3))
    own[..., 0, 0] = depth * problem.factor[:, 0]
    own[..., 1, 0] = depth * problem.factor[:, 3]
    own[..., 1, 1] = depth * problem.factor[:, 1]
    own[..., 2] = rays * (equations.scale[:, None] * problem.factor[:, 2])[..., None]
    columns = np.empty((n, NUM_KEYPOINTS, 3, 2 + rows))
    scale_way, lever, gain = columns[..., 0], columns[..., 1], columns[..., 2:]
    np.multiply(rays, (depth - state.depth[:, None])[..., None], out=scale_way)
    shared = equations.shared[:, :LOG_SCALE].reshape(n, 3, NUM_KEYPOINTS, rows).swapaxes(1, 2)
    np.matmul(own, shared, out=gain)
    gain += scale_way[..., None] * equations.shared[:, None, None, LOG_SCALE]
    flat = columns.reshape(n, 3 * NUM_KEYPOINTS, 2 + rows)
    explained = flat[..., 2:] @ solved
    np.subtract(rays, explained[..., 0].reshape(rays.shape), out=lever)

    weights = np.empty_like(flat)
    weights[..., :1] = flat[..., :1] * problem.scale_variance[..., None]
    weights[..., 1:2] = flat[..., 1:2] * depth_variance
    np.negative(explained[..., 1:], out=weights[..., 2:])
    joint = weights @ flat.swapaxes(1, 2)
    each = np.ascontiguousarray(own.reshape(n, 3 * NUM_KEYPOINTS, 3).swapaxes(1, 2))
    for w, correlation in enumerate(problem.errors.of_coordinates):
        product = each[:, w, :, None] * each[:, w, None]
        product *= correlation
        joint += product
    joint += joint.swapaxes(1, 2)
    joint /= 2
    return blocks_on_diagonal(joint), joint


def _first_depth(seen: Measurement, problem: Problem) -> np.ndarray:
    """Return where to start: of all depths that a bone's closed form proposes, the best for all.

    Every bone has its own quadratic equation for the root's depth (Eq. 3-6); where noise leaves it
    without a root, its vertex is the nearest it gets.  (N,) metres, NaN where no bone is seen.
    """
    n, bones = len(seen.at), len(BONES)
    mean = np.exp(seen.log_mean)
    scale = mean[:, REFERENCE, None]
    depth = seen.at[:, 2] * scale
    ends = ends_of(seen.at[:, :2], depth)[1]
    # A bone is Z (sum of the rays) + offset; its squared length is a Z^2 + 2 h Z + c.
    parts = ends[:, :, 2].reshape(n, 2, 3, bones).transpose(0, 3, 1, 2)
    products = parts @ parts.swapaxes(2, 3)
    a, h, c = products[..., 0, 0], products[..., 0, 1], products[..., 1, 1]
    expected = mean * mean
    root = np.sqrt(np.maximum(h * h - a * (c - expected), 0.0))
    z = np.concatenate([(root - h) / a, (-root - h) / a], -1)
    nearest = np.where(seen.seen, depth, np.inf).min(1)[:, None]
    z = np.where(z + nearest > _NEAREST, z, np.nan)

    # Against every bone's length at that depth, and its variance: both are quadratic in Z.
    noise = diagonal(problem.covariance) * expected + 1e-10
    noise += (problem.inward[:, 0, 0] + problem.inward[:, 1, 1]) * (scale * scale)
    by_power = np.zeros((n, 3, 2, bones))
    by_power[:, 0, 0], by_power[:, 1, 0], by_power[:, 2, 0] = c, 2 * h, a
    by_power[:, 0, 1] = noise
    by_power[:, 2, 1] = (problem.sideways[:, 0, 0] + problem.sideways[:, 1, 1]) / 2
    powers = np.ones((n, 2 * bones, 3))
    powers[..., 1], powers[..., 2] = z, z * z
    both = powers @ by_power.reshape(n, 3, 2 * bones)
    variance = both[..., bones:]
    short = np.sqrt(np.maximum(both[..., :bones], 0.0)) - mean[:, None]
    misfit = np.square(short) / variance + np.log(variance)
    cost = (misfit @ seen.bones[..., None])[..., 0]
    best = np.where(np.isfinite(cost), cost, np.inf).argmin(-1)
    return z[np.arange(n), best]


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

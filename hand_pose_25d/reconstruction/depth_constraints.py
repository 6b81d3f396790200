"""Depths as equations beside the bones', and which of them to believe.

    Z + C (z_k + e_k - a_k) = s_k + n_k

for a keypoint k whose surface is seen at the depth s_k: a_k is how much deeper the joint lies
(`reconstruction/surface_offsets.py`), n_k the noise.  They are rows of the same system as the
bones' (`reconstruction/map_solver.py`), so that the depth, the bones, the pixels and the network's
relative depths share one posterior: what the depth tells of the hand's size is in it, too.

Many keypoints show no surface of their own: another finger, a thing held or a sleeve covers them,
or the depth of the wall beside a finger is taken for its.  A first estimate without depth says
where the surfaces should be, but for a common factor (a hand twice as far away and twice as large
looks the same).  The factor that most surfaces agree upon is taken, those far off it are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.reconstruction.bone_constraints import (
    ENDS,
    LOG_SCALE,
    Equations,
    Problem,
    State,
    diagonal,
)
from hand_pose_25d.reconstruction.depth_samples import DepthRows
from hand_pose_25d.reconstruction.surface_offsets import DEVIATIONS, KINDS, surface_offsets
from hand_pose_25d.skeleton import NUM_KEYPOINTS

FEWEST_SURFACES = 4
"""Keypoints whose surfaces must agree for the depth to count."""
_OUTLIERS = 0.3  # prior share of surfaces that are something else's
_OUTLIER_DENSITY = 2.0  # of the logarithm of their depth: anything within half of it
_BELIEVED = 0.5  # probability of being the keypoint's own
_RELATIVE = 0.006  # m: what the network's relative depth may be off beyond what it says
_LARGEST = 0.3  # of the bone wrist - index MCP: no hand is so thick that it may be off by more
_COMMON = 0.003  # of the depth: what all pixels of a depth camera may be off together
_STEPS = np.linspace(-0.9, 0.9, 301)  # log factors tried
_LEAST_SPREAD = 0.1  # of these: a first estimate may be farther off than it says
_FLESH = 0.11  # of the bone wrist - index MCP: how far to the side a bone hides what is behind it,
_BEHIND = 0.2  # and by how much it has to be nearer
_ALONG = np.array([0.2, 0.6, 1.0])  # of a bone, where it is looked at


class Surfaces(NamedTuple):
    """Surfaces in the places of N hands' keypoints, in the frame of the (virtual) camera."""

    depth: np.ndarray
    """(N, 21, 2) metres along the camera's axis: of one or two surfaces each; NaN: none."""
    variance: np.ndarray
    """(N, 21, 2) square metres."""
    is_right: np.ndarray
    """(N,) bool."""


def believed_rows(
    surfaces: Surfaces,
    points: np.ndarray,
    scale: np.ndarray,
    root_variance: np.ndarray,
    relative_variance: np.ndarray,
) -> DepthRows:
    """Choose the surfaces that are their keypoints' own.

    points: (N, 21, 3) m, an estimate; scale: (N,) m, its reference bone; root_variance (N,) m^2,
    of its distance as a whole; relative_variance (N, 21) m^2, of depths relative to the root's.
    A hand of which fewer than `FEWEST_SURFACES` agree gets none.
    """
    offsets = surface_offsets(points, surfaces.is_right)
    expected = points[..., 2] - offsets * scale[:, None]
    with np.errstate(all="ignore"):
        factors = np.log(surfaces.depth / expected[..., None])
        shape = np.square(scale)[:, None] * np.square(DEVIATIONS[KINDS])
        relative = np.minimum(relative_variance, np.square(_LARGEST * scale)[:, None])
        noise = surfaces.variance + (shape + relative + _RELATIVE**2)[..., None]
        noise = noise / np.square(expected)[..., None]
        spread = root_variance / np.square(points[:, :1, 2].mean(-1))
    usable = (
        ~behind_nearer_ones(points, scale)[..., None]
        & np.isfinite(factors)
        & np.isfinite(noise)
        & (expected[..., None] > 0)
    )
    factors, noise = np.where(usable, factors, 0.0), np.where(usable, noise, 1.0)

    def own(at: np.ndarray) -> np.ndarray:
        """(N, S) factors -> (N, S, 21, 2), the density of each surface if it is the keypoint's."""
        away = factors[:, None] - at[..., None, None]
        density = np.exp(-0.5 * np.square(away) / noise[:, None])
        density /= np.sqrt(2 * np.pi * noise[:, None])
        return np.where(usable[:, None], (1 - _OUTLIERS) * density, 0.0)

    tried = np.broadcast_to(_STEPS, (len(points), len(_STEPS)))
    votes = np.log(_OUTLIERS * _OUTLIER_DENSITY + own(tried).max(-1)).sum(-1)
    votes -= 0.5 * np.square(tried) / np.maximum(spread, _LEAST_SPREAD**2)[:, None]
    best = np.where(np.isfinite(votes), votes, -np.inf).argmax(-1)
    density = own(_STEPS[best][:, None])[:, 0]
    which = density.argmax(-1)[..., None]
    density, depth, variance = (
        np.take_along_axis(a, which, -1)[..., 0]
        for a in (density, surfaces.depth, surfaces.variance)
    )
    belief = density / (density + _OUTLIERS * _OUTLIER_DENSITY)
    used = belief > _BELIEVED
    used &= used.sum(-1, keepdims=True) >= FEWEST_SURFACES
    depth, offsets = np.where(used, depth, 1.0), np.where(used, offsets, 0.0)
    variance = np.where(used, variance + shape, 1.0) / np.where(used, belief, 1.0)
    return DepthRows(depth, variance, _COMMON * depth, offsets, used.astype(np.float64))


def behind_nearer_ones(points: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return which keypoints (N, 21) are behind other parts of their own hand.

    points: (N, 21, 3) m; scale: (N,) m, the reference bone.
    """
    ends = points[:, ENDS]  # (N, 20, 2, 3)
    along = _ALONG[:, None]
    flesh = ends[:, :, :1] * along + ends[:, :, 1:] * (1 - along)
    flesh = flesh.reshape(len(points), -1, 3)
    with np.errstate(all="ignore"):
        aside = points[:, :, None, :2] / points[:, :, None, 2:]
        aside = aside - flesh[:, None, :, :2] / flesh[:, None, :, 2:]
        aside = np.sqrt(np.square(aside).sum(-1)) * flesh[:, None, :, 2]
        nearer = points[:, :, None, 2] - flesh[:, None, :, 2]
        size = scale[:, None, None]
        covered: np.ndarray = ((aside < _FLESH * size) & (nearer > _BEHIND * size)).any(-1)
    return covered


def with_depth(problem: Problem, state: State, equations: Equations) -> Equations:
    """Return the bones' equations with those of the depths behind them, if there are any.

    A depth's equation is divided by the depth: its terms are then as large as a bone's.
    """
    rows = problem.depth
    if rows is None:
        return equations
    n = len(state.depth)
    unit = rows.used / rows.depth
    by_depth = unit
    scale, points = equations.scale[:, None], equations.points
    reach = points[:, 2] - state.depth[:, None] - rows.offset * scale  # C (z + e - a)
    by_scale = unit * reach
    by_errors = np.zeros((n, NUM_KEYPOINTS, LOG_SCALE + 1))
    each = np.arange(NUM_KEYPOINTS)
    by_errors[:, each, 2 * NUM_KEYPOINTS + each] = unit * scale * problem.factor[:, 2]
    by_errors[..., LOG_SCALE] = by_scale

    shared = np.zeros((n, LOG_SCALE + 1, NUM_KEYPOINTS))
    inward = slice(2 * NUM_KEYPOINTS, LOG_SCALE)
    shared[:, inward] = problem.errors.correlation[2] @ by_errors[..., inward].swapaxes(1, 2)
    shared[:, LOG_SCALE] = problem.scale_variance * by_scale
    bones = equations.spread.shape[1]
    spread = np.empty((n, bones + NUM_KEYPOINTS, bones + NUM_KEYPOINTS))
    spread[:, :bones, :bones] = equations.spread
    spread[:, bones:, :bones] = by_errors @ equations.shared
    spread[:, :bones, bones:] = spread[:, bones:, :bones].swapaxes(1, 2)
    common = unit * rows.common
    own = by_errors @ shared + common[:, :, None] * common[:, None]
    diagonal(own)[:] += np.where(rows.used > 0, np.square(unit) * rows.variance, 1.0)
    spread[:, bones:, bones:] = own
    rest = (by_errors @ state.errors[:, :, None])[..., 0]
    rest += unit * (rows.depth - state.depth[:, None] - reach)
    return equations._replace(
        by_depth=np.concatenate([equations.by_depth, by_depth], 1),
        by_errors=np.concatenate([equations.by_errors, by_errors], 1),
        shared=np.concatenate([equations.shared, shared], 2),
        spread=spread,
        rest=np.concatenate([equations.rest, rest], 1),
    )

"""From 2.5D poses to absolute 3D keypoints with their covariance.

`method="closed_form"` is the paper to the letter (Iqbal et al., ECCV 2018, Eq. 3-8): the depth of
the root from one bone, the scale from all.  The default, `"map"`, weighs all 20 bones, pixels and
relative depths by their uncertainties (`reconstruction/map_solver.py`).  Both give each
keypoint's covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from hand_pose_25d.geometry.wrist_frame import PALM
from hand_pose_25d.reconstruction import pose25d
from hand_pose_25d.reconstruction.bone_constraints import (
    AT_WRIST,
    CHILD,
    ENDS,
    ONWARD,
    PARENT,
    REFERENCE,
    Measurement,
)
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.bone_posterior import BoneEvidence, BonePosterior, LogBones
from hand_pose_25d.reconstruction.error_model import NETWORK, ErrorModel
from hand_pose_25d.reconstruction.map_solver import map_estimate
from hand_pose_25d.skeleton import BONES, NUM_KEYPOINTS, WRIST

Method = Literal["map", "closed_form"]
METHODS: tuple[Method, ...] = ("map", "closed_form")
Bones = BoneLengthPrior | LogBones
"""What a hand's bones are known by."""

_SANE = 1e3  # normalised coordinates and depths beyond it are no measurement
_UNSURE = 0.5  # of the depth: a closed form less sure than this is no answer


class Reconstruction(NamedTuple):
    """N hands in the frame of the camera that saw them; NaN where `valid` is False."""

    keypoints: np.ndarray
    """(N, 21, 3) metres; NaN also for a keypoint that was not measured."""
    covariance: np.ndarray
    """(N, 21, 3, 3) square metres."""
    scale: np.ndarray
    """(N,) metres: length of the bone wrist - index MCP."""
    root_depth: np.ndarray
    """(N,) metres: depth of the wrist."""
    valid: np.ndarray
    """(N,) bool: a pose was found, all of it before the camera."""
    palm_covariance: np.ndarray
    """(N, 12, 12) square metres: of the keypoints `geometry.wrist_frame.PALM` jointly; NaN where
    one of them is."""
    bones: BonePosterior | None = None
    """What is known of the bones after this image, where that was asked for."""


def reconstruct(
    xy: np.ndarray,
    relative_depth: np.ndarray,
    xy_covariance: np.ndarray,
    depth_variance: np.ndarray,
    prior: Bones | Sequence[Bones],
    method: Method = "map",
    errors: ErrorModel = NETWORK,
    evidence: BoneEvidence | None = None,
) -> Reconstruction:
    """Find where N hands are.

    xy: (N, 21, 2) normalised coordinates of the keypoints' rays; relative_depth: (N, 21) in units
    of the reference bone (the root's is 0 by definition and not read); xy_covariance
    (N, 21, 2, 2) and depth_variance (N, 21): of these; prior: one for all, or one a hand;
    errors: how the keypoints' errors go together, error_model.NETWORK or INDEPENDENT; evidence:
    what the image counts for in learning the bones (method "map"), for `Reconstruction.bones`.

    A keypoint with a NaN among its numbers is left out and comes back as NaN.  No content raises
    an error: a hand that cannot be solved is NaN and not `valid`.  Wrong shapes raise ValueError.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    if evidence is not None and method != "map":
        raise ValueError(f"bones are learned by the method 'map' alone, got {method!r}")
    seen = _measurement(xy, relative_depth, xy_covariance, depth_variance, prior)
    if method == "closed_form":
        with np.errstate(all="ignore"):
            found = _closed_form(seen, errors)
    else:
        found = Reconstruction(*map_estimate(seen, errors, evidence))
    covariance, palm = (errors.tails * a for a in (found.covariance, found.palm_covariance))
    return _checked(found._replace(covariance=covariance, palm_covariance=palm), seen.seen)


def _measurement(
    xy: np.ndarray,
    relative_depth: np.ndarray,
    xy_covariance: np.ndarray,
    depth_variance: np.ndarray,
    prior: Bones | Sequence[Bones],
) -> Measurement:
    arrays = [np.asarray(a) for a in (xy, relative_depth, xy_covariance, depth_variance)]
    n = len(arrays[0]) if arrays[0].ndim else 0
    names = ("xy", "relative_depth", "xy_covariance", "depth_variance")
    for name, array, size in zip(names, arrays, ((2,), (), (2, 2), ()), strict=True):
        if array.shape != (n, NUM_KEYPOINTS, *size):
            raise ValueError(
                f"{name} must have the shape {(n, NUM_KEYPOINTS, *size)}, got {array.shape}"
            )
    numbers = np.empty((n, 8, NUM_KEYPOINTS))
    numbers[:, :2], numbers[:, 2] = arrays[0].swapaxes(1, 2), arrays[1]
    numbers[:, 3:7] = arrays[2].reshape(n, NUM_KEYPOINTS, 4).swapaxes(1, 2)
    numbers[:, 7] = arrays[3]
    numbers[:, 2::5, WRIST] = 0.0
    # Comparisons with NaN are False.
    seen = np.isfinite(numbers).all(1) & (np.abs(numbers[:, :3]) < _SANE).all(1)
    if not seen.all():
        numbers.swapaxes(1, 2)[~seen] = 0.0
    bones = seen.take(ENDS, axis=1).all(-1).astype(np.float64)
    log_mean, log_covariance = _log_moments(prior, n)
    return Measurement(
        numbers[:, :3], _factor(numbers[:, 3:]), log_mean, log_covariance, seen, bones
    )


def _log_moments(prior: Bones | Sequence[Bones], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (N, 20) and covariance (N, 20, 20) of the logarithms of the bone lengths."""
    priors = [prior] if isinstance(prior, (BoneLengthPrior, LogBones)) else list(prior)
    if len(priors) not in (1, n):
        raise ValueError(f"need one prior, or one for each of {n} hands, got {len(priors)}")
    if len(priors) == 1:
        mean, covariance = priors[0].log_moments
        return mean[None].repeat(n, 0), covariance[None].repeat(n, 0)
    mean, covariance = (np.array([p.log_moments[i] for p in priors]) for i in range(2))
    return mean.reshape(n, len(BONES)), covariance.reshape(n, len(BONES), len(BONES))


def _factor(variances: np.ndarray) -> np.ndarray:
    """Return `Measurement.factor` of (N, 5, 21): covariances of x and y, variances of depths.

    Cholesky by hand: it takes singular and slightly indefinite covariances as they come.
    """
    factor = np.zeros((len(variances), 4, NUM_KEYPOINTS))
    roots = np.sqrt(np.maximum(variances, 0.0))
    first, cross = roots[:, 0], factor[:, 3]
    np.divide(variances[:, 1], first, out=cross, where=first > 0)
    factor[:, 0], factor[:, 2] = first, roots[:, 4]
    np.sqrt(np.maximum(variances[:, 3] - cross * cross, 0.0), out=factor[:, 1])
    return factor


def _closed_form(seen: Measurement, errors: ErrorModel) -> Reconstruction:
    """Eq. 3-8, in normalised units up to the global scale; errors carried to first order.

    Where noise leaves the equation without a root there is no answer, nor where the reference bone
    lies so nearly along its ray that the depth's deviation is a good part of the depth itself:
    errors carried to first order say nothing there.
    """
    n, xy, relative = len(seen.at), seen.at[:, :2].swapaxes(1, 2), seen.at[:, 2]
    equation = pose25d.root_depth_quadratic(xy, relative)
    root_depth = pose25d.roots(equation)[0]
    unit_points = pose25d.decode(xy, relative, root_depth, 1.0)
    rays = unit_points / unit_points[..., 2:]
    bone = unit_points[:, CHILD] - unit_points[:, PARENT]
    length = np.linalg.norm(bone, axis=-1)
    mean = np.exp(seen.log_mean)
    weight, total = seen.bones * mean, (seen.bones * length**2).sum(-1)
    scale = (weight * length).sum(-1) / total

    # Each point's own error, factored: moved sideways by (dx, dy), along its ray by e.
    by_own = np.zeros((n, NUM_KEYPOINTS, 3, 3))
    by_own[..., 0, 0] = by_own[..., 1, 1] = unit_points[..., 2]
    by_own[..., :, 2] = rays
    factor = np.zeros((n, NUM_KEYPOINTS, 3, 3))
    factor[..., (0, 1, 2, 1), (0, 1, 2, 0)] = seen.factor.swapaxes(1, 2)
    own = by_own @ factor
    # The root's depth, by all own errors: the reference bone keeps its length.
    end, start = ENDS[REFERENCE]
    vector = bone[:, REFERENCE]
    by_depth = np.zeros((n, NUM_KEYPOINTS, 3))
    by_depth[:, end] = -2 * (vector[:, None] @ own[:, end])[:, 0]
    by_depth[:, start] = 2 * (vector[:, None] @ own[:, start])[:, 0]
    by_depth /= np.sqrt(equation.discriminant)[:, None, None]
    # The scale, by all own errors and by the bones' (Eq. 8).
    unit = bone / length[..., None]
    factor = (weight - 2 * scale[:, None] * seen.bones * length) / total[:, None]
    recede = (factor * (unit * (rays[:, CHILD] - rays[:, PARENT])).sum(-1)).sum(-1)
    by_scale = recede[:, None, None] * by_depth
    pull = factor[..., None] * unit
    at_child = (pull[..., None, :] @ own[:, CHILD])[..., 0, :]
    at_parent = (pull[..., None, :] @ own[:, PARENT])[..., 0, :]
    by_scale[:, CHILD] += at_child
    by_scale[:, WRIST] -= at_parent[:, AT_WRIST].sum(1)
    by_scale[:, PARENT[ONWARD]] -= at_parent[:, ONWARD]
    by_length = weight * length / total[:, None]
    length_part = (by_length[:, None] @ seen.log_covariance @ by_length[..., None])[:, 0, 0]

    # P = scale (unit point): sum of the three ways in which an error reaches it.
    own = own * scale[:, None, None, None]
    depth_way, scale_way = scale[:, None, None] * rays, unit_points
    ways = np.stack([depth_way, scale_way], -1)  # (N, 21, 3, 2)
    both = np.stack([by_depth, by_scale], 1)  # (N, 2, 21, 3), by each keypoint's w
    shared = np.einsum("ckl,nwlc->nkcw", errors.correlation, both)  # their covariance with each w
    common = np.einsum("nvkc,nkcw->nvw", both, shared)
    unsure = np.sqrt(common[:, 0, 0]) > _UNSURE * root_depth
    common[:, 1, 1] += length_part
    mixed = own @ shared @ ways.swapaxes(-1, -2)
    covariance = own @ own.swapaxes(-1, -2) + mixed + mixed.swapaxes(-1, -2)
    covariance += ways @ common[:, None] @ ways.swapaxes(-1, -2)
    # The palm's keypoints jointly: the same for each pair.
    lever, drawn, own_palm = (
        a[:, PALM].reshape(n, 3 * len(PALM), a.shape[-1]) for a in (ways, own @ shared, own)
    )
    mixed = drawn @ lever.swapaxes(1, 2)
    palm = mixed + mixed.swapaxes(1, 2) + lever @ common @ lever.swapaxes(1, 2)
    palm += (own_palm[:, :, None] * own_palm[:, None] * errors.of_palm).sum(-1)
    points = scale[:, None, None] * unit_points
    valid = np.isfinite(scale) & ~unsure
    return Reconstruction(points, covariance, scale, scale * root_depth, valid, palm)


def _checked(found: Reconstruction, seen: np.ndarray) -> Reconstruction:
    """Set to NaN the hands without an answer and the keypoints that were not seen."""
    keypoints, covariance, scale, root_depth, valid, palm, bones = found
    numbers = np.concatenate([keypoints, covariance.reshape(*seen.shape, 9)], -1)
    good = np.isfinite(numbers).all(-1)
    good &= (numbers[..., 2] > 0) & (numbers[..., 3::4] >= 0).all(-1)  # depth and variances
    valid = valid & (good | ~seen).all(-1) & seen.any(-1)
    valid &= np.isfinite(root_depth) & (root_depth > 0) & (scale > 0)
    known = valid[:, None] & seen
    if not known.all():
        keypoints[~known], covariance[~known] = np.nan, np.nan
        scale[~valid], root_depth[~valid] = np.nan, np.nan
        palm[~known[:, PALM].all(1)] = np.nan
    return Reconstruction(keypoints, covariance, scale, root_depth, valid, palm, bones)

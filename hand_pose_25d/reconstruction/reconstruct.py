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

from hand_pose_25d.geometry.wrist_frame import palm_of
from hand_pose_25d.reconstruction.bone_constraints import ENDS, Measurement
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.bone_posterior import BoneEvidence, BonePosterior, LogBones
from hand_pose_25d.reconstruction.closed_form import closed_form
from hand_pose_25d.reconstruction.depth_constraints import Surfaces, believed_rows
from hand_pose_25d.reconstruction.error_model import NETWORK, ErrorModel
from hand_pose_25d.reconstruction.map_solver import map_estimate
from hand_pose_25d.skeleton import BONES, NUM_KEYPOINTS, WRIST

Method = Literal["map", "closed_form"]
METHODS: tuple[Method, ...] = ("map", "closed_form")
Bones = BoneLengthPrior | LogBones
"""What a hand's bones are known by."""

_SANE = 1e3  # normalised coordinates and depths beyond it are no measurement
_LIMITS = np.array([[_SANE]] * 3 + [[np.inf]] * 5)


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
    joint_covariance: np.ndarray
    """(N, 63, 63) square metres: of x, y, z of all keypoints jointly; NaN where one is."""
    surfaces: np.ndarray
    """(N,) int: keypoints whose depth, as a depth camera saw it, counted."""
    bones: BonePosterior | None = None
    """What is known of the bones after this image, where that was asked for."""

    @property
    def palm_covariance(self) -> np.ndarray:
        """(N, 12, 12) square metres: of the keypoints `geometry.wrist_frame.PALM` jointly; NaN
        where one of them is."""
        return palm_of(self.joint_covariance)


def reconstruct(
    xy: np.ndarray,
    relative_depth: np.ndarray,
    xy_covariance: np.ndarray,
    depth_variance: np.ndarray,
    prior: Bones | Sequence[Bones],
    method: Method = "map",
    errors: ErrorModel = NETWORK,
    evidence: BoneEvidence | None = None,
    surfaces: Surfaces | None = None,
) -> Reconstruction:
    """Find where N hands are.

    xy: (N, 21, 2) normalised coordinates of the keypoints' rays; relative_depth: (N, 21) in units
    of the reference bone (the root's is 0 by definition and not read); xy_covariance
    (N, 21, 2, 2) and depth_variance (N, 21): of these; prior: one for all, or one a hand;
    errors: how the keypoints' errors go together, error_model.NETWORK or INDEPENDENT; evidence:
    what the image counts for in learning the bones (method "map"), for `Reconstruction.bones`;
    surfaces: what a depth camera saw in the keypoints' places (method "map").

    A keypoint with a NaN among its numbers is left out and comes back as NaN.  No content raises
    an error: a hand that cannot be solved is NaN and not `valid`.  Wrong shapes raise ValueError.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    if evidence is not None and method != "map":
        raise ValueError(f"bones are learned by the method 'map' alone, got {method!r}")
    if surfaces is not None and method != "map":
        raise ValueError(f"depth counts with the method 'map' only, not with {method!r}")
    seen = _measurement(xy, relative_depth, xy_covariance, depth_variance, prior)
    if method == "closed_form":
        with np.errstate(all="ignore"):
            *parts, _ = closed_form(seen, errors)
        found = Reconstruction._make([*parts, np.zeros(len(seen.at), dtype=int), None])
    else:
        found = _map(seen, errors, evidence if surfaces is None else None)
        if surfaces is not None:
            found = _with_surfaces(found, seen, errors, surfaces, evidence)
    if errors.tails != 1.0:
        for spread in (found.covariance, found.joint_covariance):
            spread *= errors.tails
    return _checked(found, seen.seen)


def _map(seen: Measurement, errors: ErrorModel, evidence: BoneEvidence | None) -> Reconstruction:
    surfaces = np.zeros(len(seen.at), dtype=int)
    if seen.depth is not None:
        surfaces = seen.depth.used.sum(-1).astype(int)
    *found, bones = map_estimate(seen, errors, evidence)
    return Reconstruction._make([*found, surfaces, bones])


def _with_surfaces(
    found: Reconstruction,
    seen: Measurement,
    errors: ErrorModel,
    surfaces: Surfaces,
    evidence: BoneEvidence | None,
) -> Reconstruction:
    """Return hands with what a depth camera saw of them; without use for it, as they were."""
    relative = np.square(seen.factor[:, 2] * found.scale[:, None])
    rows = believed_rows(
        surfaces, found.keypoints, found.scale, found.covariance[:, WRIST, 2, 2], relative
    )
    rows = rows._replace(used=rows.used * seen.seen)
    fused = _map(seen._replace(depth=rows), errors, evidence)
    worse = found.valid & ~fused.valid
    if worse.any():
        rows = rows._replace(used=rows.used * ~worse[:, None])
        fused = _map(seen._replace(depth=rows), errors, evidence)
    return fused


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
    seen = (np.abs(numbers) < _LIMITS).all(1)  # comparisons with NaN are False
    bones = np.ones((n, len(BONES)))
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


def _checked(found: Reconstruction, seen: np.ndarray) -> Reconstruction:
    """Set to NaN the hands without an answer and the keypoints that were not seen."""
    keypoints, covariance, scale, root_depth, valid = found[:5]
    numbers = np.concatenate([keypoints, covariance.reshape(*seen.shape, 9)], -1)
    good = (np.abs(numbers) < np.inf).all(-1)
    good &= (numbers[..., 2] > 0) & (numbers[..., 3::4] >= 0).all(-1)  # depth and variances
    valid = valid & (root_depth > 0) & (root_depth < np.inf) & (scale > 0)
    if not (good.all() and seen.all()):
        valid &= (good | ~seen).all(-1) & seen.any(-1)
    known = valid[:, None] & seen
    if not known.all():
        keypoints[~known], covariance[~known] = np.nan, np.nan
        scale[~valid], root_depth[~valid] = np.nan, np.nan
        unknown = ~known.repeat(3, axis=1)
        found.joint_covariance[unknown[:, :, None] | unknown[:, None]] = np.nan
    return found._replace(valid=valid)

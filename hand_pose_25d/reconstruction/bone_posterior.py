"""What one image tells about a hand's bones: the posterior of their log lengths.

The maximum a posteriori estimate (`reconstruction/map_solver.py`) eliminates the bone lengths;
here they come back.  With d = log L - its mean, its equations at a state are

    b dZ + A w + H d = rest,    H d = a d_ref - d,

b and a by the root's depth and by log C, w the keypoints' errors, whose part of the spread is R.
A Kalman update of d follows, the depth Z free.  No image tells the size of the hand as a whole,
which a nearer or farther hand explains as well: what is learned are proportions, and of the size
what the prior ties to them.  With a depth camera's equations (`depth_constraints.py`) among them,
it is the size, too.

The errors of a network are much the same from one image to the next: N images are not N
measurements.  So R is divided by the share of a measurement that an image counts for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.reconstruction.bone_constraints import (
    LOG_SCALE,
    REFERENCE,
    Equations,
    Measurement,
)

NOTHING = 1e-9
"""What an image counts for that teaches nothing: a share that nothing is divided by zero with."""
_IDENTITY = np.eye(20)


class LogBones(NamedTuple):
    """One hand's bones as they are known so far; takes a `BoneLengthPrior`'s place as a prior."""

    log_mean: np.ndarray
    """(20,) of log L, L in metres."""
    log_covariance: np.ndarray
    """(20, 20)."""

    @property
    def log_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance."""
        return self.log_mean, self.log_covariance


class BoneEvidence(NamedTuple):
    """How bones are to be learned from N hands."""

    share: np.ndarray
    """(N,) in (0, 1]: of an independent measurement, what this image counts for."""
    base: LogBones
    """The population's, before any image."""

    @property
    def teaches(self) -> bool:
        """Whether the image counts for some hand."""
        return float(self.share.max(initial=0.0)) > NOTHING


class BonePosterior(NamedTuple):
    """What is known of N hands' bones after an image; not finite where nothing was found."""

    log_mean: np.ndarray
    """(N, 20) of log L, L in metres."""
    log_covariance: np.ndarray
    """(N, 20, 20)."""
    misfit: np.ndarray
    """(N,) log likelihood of the image by the base, less that by the prior that was used, both
    discounted: above 0 where the base fits better."""


def bone_posterior(
    seen: Measurement, equations: Equations, evidence: BoneEvidence
) -> BonePosterior:
    """Return the posterior of the bones of N hands, from the equations at their MAP estimate."""
    by_scale = equations.by_errors[..., LOG_SCALE]
    effect = np.zeros((*by_scale.shape, len(_IDENTITY)))  # depths follow the bones'; d has none
    effect[:, : len(_IDENTITY)] = -seen.bones[:, :, None] * _IDENTITY
    effect[..., REFERENCE] += by_scale
    covariance, rest = seen.log_covariance, equations.rest
    gain = covariance @ effect.swapaxes(1, 2)
    by_bones = effect @ gain
    noise = (equations.spread - by_bones) / evidence.share[:, None, None]
    by_base = effect @ evidence.base.log_covariance @ effect.swapaxes(1, 2)
    moved = (effect @ (evidence.base.log_mean - seen.log_mean)[:, :, None])[..., 0]
    spreads = np.empty((2, *noise.shape))
    np.add(noise, by_bones, out=spreads[0])
    np.add(noise, by_base, out=spreads[1])
    right = np.empty((*spreads.shape[:3], 22))
    right[0, ..., 0] = rest
    np.subtract(rest, moved, out=right[1, ..., 0])
    right[..., 1] = equations.by_depth
    right[..., 2:] = gain.swapaxes(1, 2)
    try:
        solved = np.linalg.solve(spreads, right)
    except np.linalg.LinAlgError:  # one that is singular costs all of this image, no more
        solved = np.full_like(right, np.nan)

    pulls = equations.by_depth[:, None] @ solved[..., :2]
    depth_step, depth_weight = pulls[..., 0, 0] / pulls[..., 0, 1], pulls[..., 0, 1]
    force = solved[..., 0] - solved[..., 1] * depth_step[..., None]
    distance = (right[..., 0] * force).sum(-1)
    likelihood = -(distance + np.log(depth_weight) + np.linalg.slogdet(spreads)[1]) / 2

    mean = seen.log_mean + (gain @ force[0, :, :, None])[..., 0]
    lever = gain @ solved[0, :, :, 1:2]
    after = covariance - gain @ solved[0, :, :, 2:]
    after += lever @ lever.swapaxes(1, 2) / depth_weight[0, :, None, None]
    return BonePosterior(mean, (after + after.swapaxes(1, 2)) / 2, likelihood[1] - likelihood[0])

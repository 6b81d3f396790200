"""The paper's closed form: the root's depth from one bone, the scale from all (Eq. 3-8)."""

from __future__ import annotations

import numpy as np

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
from hand_pose_25d.reconstruction.error_model import ErrorModel
from hand_pose_25d.reconstruction.map_solver import MapEstimate
from hand_pose_25d.skeleton import NUM_KEYPOINTS, WRIST

_UNSURE = 0.5  # of the depth: a closed form less sure than this is no answer


def closed_form(seen: Measurement, errors: ErrorModel) -> MapEstimate:
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
    # All keypoints jointly: the same for each pair.
    lever, drawn, own_all = (
        a.reshape(n, 3 * NUM_KEYPOINTS, a.shape[-1]) for a in (ways, own @ shared, own)
    )
    mixed = drawn @ lever.swapaxes(1, 2)
    joint = mixed + mixed.swapaxes(1, 2) + lever @ common @ lever.swapaxes(1, 2)
    joint += np.einsum("nic,njc,cij->nij", own_all, own_all, errors.of_coordinates)
    points = scale[:, None, None] * unit_points
    valid = np.isfinite(scale) & ~unsure
    return MapEstimate(points, covariance, scale, scale * root_depth, valid, joint)

"""Depths of photographs: whatever they are, they must give the hand's bones their lengths.

A photograph's keypoints are labelled, its depths are not, and another network's predictions of
them are learned with all their errors.  But the proportions of hands are known: at the
true distance Z of the root, in units of the reference bone as the depths are,

    | (Z + z_c) (x_c, y_c, 1) - (Z + z_p) (x_p, y_p, 1) |  =  L_bone / L_reference

for each bone p - c (Iqbal et al., Eq. 4, for all bones instead of one).  Which way a bone points,
towards the camera or away, its length does not tell; that is learned from rendered hands.
"""

from __future__ import annotations

from torch import Tensor

from hand_pose_25d_train.datasets.bone_proportions import best_distance, bone_errors


def bone_loss(depth: Tensor, batch: dict[str, Tensor], size: int) -> Tensor:
    """Return the mean error of the bones of the samples that are to have plausible ones.

    depth (B, 21), to which alone there are gradients.  `batch`: "uv" (B, 21, 2) labelled pixels of
    the crop, "uv_weight" (B, 21), "focal" (B,) of its camera in pixels, "bones" (B,) 1 for the
    samples that count, those of them whose keypoints all have a weight.
    """
    chosen = (batch["bones"] > 0) & (batch["uv_weight"] > 0).all(-1)
    if not chosen.any():
        return depth.sum() * 0
    rays = (batch["uv"][chosen] - (size - 1) / 2) / batch["focal"][chosen, None, None]
    depth = depth[chosen]
    return bone_errors(rays, depth, best_distance(rays, depth)[:, None]).mean()

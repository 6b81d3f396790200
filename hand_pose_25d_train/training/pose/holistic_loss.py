"""The loss of holistic 2.5D regression (Iqbal et al., Section 5.2): L1, Eq. 9 with alpha = 1."""

from __future__ import annotations

import torch
from torch import Tensor

from hand_pose_25d_train.networks.holistic import HolisticNetwork
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.losses import Batch, head_losses, weighted_mean


def holistic_loss(model: HolisticNetwork, batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """Return all terms and their weighted sum, "loss"; `weights.depth` is alpha.

    Positions count in sides of the crop, depths in lengths of the reference bone.  While the model
    trains, the first batches also make its mean pose.

    `batch`: what `TrainingSample.tensors` names, stacked; images uint8.
    """
    uv, depth = (batch["uv"] + 0.5) / model.input_size, batch["depth"]
    seen, deep = batch["uv_weight"], batch["depth_weight"]
    if model.training:
        known = torch.stack((seen > 0, seen > 0, deep > 0), -1)
        model.learn_mean(torch.cat((uv, depth[..., None]), -1), known)
    output = model.raw(batch["image"].float() / 255)
    uv_error, depth_error = output.pose[..., :2] - uv, output.pose[..., 2] - depth
    if model.training:
        model.residuals.update(uv_error.detach(), seen > 0, depth_error.detach(), deep > 0)
    uv_loss = weighted_mean(uv_error.abs().sum(-1), seen)
    depth_loss = weights.depth * weighted_mean(depth_error.abs(), deep)
    heads = head_losses(output.presence, output.right, batch)
    total = uv_loss + depth_loss
    total = total + weights.presence * heads["presence"] + weights.handedness * heads["handedness"]
    pixels = weighted_mean(uv_error.detach().norm(dim=-1), seen) * model.input_size
    return {"loss": total, "uv": uv_loss, "depth": depth_loss, "px": pixels, **heads}

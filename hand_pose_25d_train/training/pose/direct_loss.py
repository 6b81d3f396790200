"""The loss of direct 2.5D heatmaps (Iqbal et al., Section 4.1): L2 on the maps of Eq. 10, 11."""

from __future__ import annotations

import torch
from torch import Tensor

from hand_pose_25d_train.networks.direct import DirectNetwork, decode_heatmaps, encode_heatmaps
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.losses import Batch, head_losses, weighted_mean


def direct_loss(model: DirectNetwork, batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """Return all terms and their weighted sum, "loss".  Every stage is supervised.

    A map's loss is its squared error summed over its cells; keypoints are averaged.
    `weights.depth` is the weight of the depth maps.  The terms `px` and `depth` are the errors of
    Eq. 12 and 13, in crop pixels and in lengths of the reference bone.

    `batch`: what `TrainingSample.tensors` names, stacked; images uint8.
    """
    uv, depth, seen = batch["uv"], batch["depth"], batch["uv_weight"]
    deep = batch["depth_weight"] * (seen > 0)
    output = model.raw(batch["image"].float() / 255)
    height, width = output.heatmaps[-1].shape[-2:]
    heat, depth_maps = encode_heatmaps(uv, depth, height, width, model.input_size, model.sigma)
    total = torch.zeros((), device=uv.device)
    terms: dict[str, Tensor] = {}
    for heat_out, depth_out in zip(output.heatmaps, output.depth_maps, strict=True):
        heat_loss = weighted_mean((heat_out - heat).square().sum((2, 3)), seen)
        depth_loss = weighted_mean((depth_out - depth_maps).square().sum((2, 3)), deep)
        total = total + heat_loss + weights.depth * depth_loss
        terms.update(heatmap=heat_loss, depth_map=depth_loss)
    with torch.no_grad():
        uv_out, depth_out = decode_heatmaps(
            output.heatmaps[-1], output.depth_maps[-1], model.input_size
        )
        if model.training:
            model.residuals.update(
                (uv_out - uv) / model.input_size, seen > 0, depth_out - depth, deep > 0
            )
        terms["px"] = weighted_mean((uv_out - uv).norm(dim=-1), seen)
        terms["depth"] = weighted_mean((depth_out - depth).abs(), deep)
    heads = head_losses(output.features.presence, output.features.handedness, batch)
    total = total + weights.presence * heads["presence"] + weights.handedness * heads["handedness"]
    return {"loss": total, **terms, **heads}

"""The losses of latent 2.5D heatmaps (Iqbal et al., Eq. 9) and of what we predict besides.

    L = |uv - uv*|_1 (pixels of a 128 crop) + alpha |z - z*|_1,  alpha = 20            (9)

The depth term is weighted per sample, 0 for 2D-only ones.  The covariances learn by the negative
log likelihood of the errors made; these gradients reach the uncertainty maps only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d.networks.latent import LatentNetwork, Stage
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.bone_loss import bone_loss
from hand_pose_25d_train.training.pose.consistency import SECOND_VIEW, in_second_view

PAPER_CROP = 128
"""The paper counts pixels of a 128 x 128 crop."""
_MOST = 4.0
"""What a keypoint counts at the most for being certain; at the least one over it."""

Batch = dict[str, Tensor]


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over what has a weight, 0 where nothing has."""
    return (values * weights).sum() / weights.sum().clamp(min=1e-6)


def _elements(covariance: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return uu, uv, vv and the determinant of (..., 2, 2), the last above 0."""
    a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    return a, b, d, (a * d - b * b).clamp(min=1e-6)


@torch.no_grad()
def certainties(stage: Stage, batch: Batch, power: float) -> tuple[Tensor, Tensor]:
    """Return how much the pixels and the depths of each keypoint are to count, (B, 21) each.

    (typical scale / scale)^power, of the scales that the stage predicts for its errors (typical:
    the geometric mean over the batch), between `MOST` and one over it.  Where samples scatter by
    different amounts, a median is found from the fewest if each counts by one over its scatter,
    power 1; 0.5 loses little of that, and does not give up on what is hard (compare Seitzer et
    al., "On the pitfalls of heteroscedastic uncertainty estimation", ICLR 2022).
    """
    pixels = 0.25 * _elements(stage.covariance)[-1].log()
    depths = stage.log_depth_scale.clone()
    depths[:, 0] = depths[:, 1:].mean(-1)  # The root's depth is known; its scale is no one's.
    uv_counts, depth_counts = (
        (power * (weighted_mean(log, batch["uv_weight"]) - log)).exp().clamp(1 / _MOST, _MOST)
        for log in (pixels, depths)
    )
    return uv_counts, depth_counts


def pose_loss(
    uv: Tensor,
    depth: Tensor,
    batch: Batch,
    size: int,
    alpha: float,
    counts: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Eq. 9's two terms: L1 in pixels of a 128 crop, and alpha times L1 of the depths.

    uv (B, 21, 2), depth (B, 21).  Depths are averaged over all samples that have any; a weight
    below 1 makes a sample's depths count less, not its neighbours' more.  `counts`: weights of
    the means besides, from `certainties`.
    """
    uv_counts, known = batch["uv_weight"], (batch["depth_weight"] > 0).float()
    if counts is not None:
        uv_counts, known = uv_counts * counts[0], known * counts[1]
    pixels = (uv - batch["uv"]).abs().sum(-1) * (PAPER_CROP / size)
    depths = (depth - batch["depth"]).abs() * batch["depth_weight"]
    return weighted_mean(pixels, uv_counts), alpha * weighted_mean(depths, known)


def consistency_loss(uv: Tensor, depth: Tensor, batch: Batch, size: int, alpha: float) -> Tensor:
    """Eq. 9's two terms, of the answers in the second views to those in the first ones.

    uv (2 N, 21, 2), depth (2 N, 21), in the order of `with_second_views`.  Crops without a hand do
    not count.
    """
    (first_uv, uv), (first_depth, depth) = uv.chunk(2), depth.chunk(2)
    shown = batch["presence"].chunk(2)[0][:, None].expand_as(depth)
    wanted = {
        "uv": in_second_view(first_uv, batch[SECOND_VIEW], size),
        "depth": first_depth,
        "uv_weight": shown,
        "depth_weight": shown,
    }
    pixels, depths = pose_loss(uv, depth, wanted, size, alpha)
    return pixels + depths


def likelihood_loss(stage: Stage, batch: Batch, size: int) -> Tensor:
    """Mean negative log likelihood of the errors under the predicted Gaussians.

    The errors are constants here: a pose is never made worse to please its uncertainty.
    """
    error = (batch["uv"] - stage.uv.detach()).unsqueeze(-1) * (PAPER_CROP / size)
    a, b, d, determinant = _elements(stage.covariance * (PAPER_CROP / size) ** 2)
    x, y = error[..., 0, 0], error[..., 1, 0]
    # Capped, so that a finger taken for another does not blow up everybody's ellipses.
    distance = ((d * x * x - 2 * b * x * y + a * y * y) / determinant).clamp(max=50)
    position = weighted_mean(0.5 * (distance + determinant.log()), batch["uv_weight"])
    z = batch["depth"] - stage.depth.detach()
    log_scale = stage.log_depth_scale
    depth_term = 0.5 * (z * (-log_scale).exp()).square().clamp(max=50) + log_scale
    known = batch["depth_weight"].clone()
    known[:, 0] = 0  # The root's depth is 0 by definition.
    return position + weighted_mean(depth_term, known)


def latent_loss(
    model: LatentNetwork,
    batch: Batch,
    weights: LossWeights = LossWeights(),  # noqa: B008
) -> dict[str, Tensor]:
    """Return all terms and their weighted sum, "loss".  Every stage is supervised.

    `batch`: what `TrainingSample.tensors` names, stacked; images uint8.
    """
    size = model.input_size
    stages, features = model.run_stages(batch["image"].float() / 255)
    total = torch.zeros((), device=batch["uv"].device)
    terms: dict[str, Tensor] = {}
    for stage in stages:
        counts = certainties(stage, batch, weights.certainty) if weights.certainty else None
        pixels, depths = pose_loss(stage.uv, stage.depth, batch, size, weights.depth, counts)
        likelihood = likelihood_loss(stage, batch, size)
        total = total + pixels + depths + weights.likelihood * likelihood
        terms.update(uv=pixels, depth=depths, likelihood=likelihood)
        if weights.bones > 0:
            terms["bones"] = bone_loss(stage.depth, batch, size)
            total = total + weights.bones * terms["bones"]
    if SECOND_VIEW in batch:
        last = stages[-1]
        terms["consistency"] = consistency_loss(last.uv, last.depth, batch, size, weights.depth)
        total = total + weights.consistency * terms["consistency"]
    if features.initial_uv is not None and features.initial_depth is not None:
        initial_depth = features.initial_depth - features.initial_depth[:, :1]
        # The initial regression has no scales of its own: those of the last stage.
        pixels, depths = pose_loss(
            features.initial_uv, initial_depth, batch, size, weights.depth, counts
        )
        total = total + weights.initial * (pixels + depths)
        terms["initial_uv"] = pixels
        if weights.bones > 0:
            bones = bone_loss(initial_depth, batch, size)
            total = total + weights.initial * weights.bones * bones
    heads = head_losses(features.presence, features.handedness, batch)
    total = total + weights.presence * heads["presence"] + weights.handedness * heads["handedness"]
    return {"loss": total, **terms, **heads}


def head_losses(presence: Tensor, handedness_logit: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Cross entropies of the presence and of the handedness, the latter where it is known."""
    handedness = F.binary_cross_entropy_with_logits(
        handedness_logit.float(), batch["is_right"], reduction="none"
    )
    return {
        "presence": F.binary_cross_entropy_with_logits(presence.float(), batch["presence"]),
        "handedness": weighted_mean(handedness, batch["handedness_weight"]),
    }

"""Holistic 2.5D regression: the baseline of Iqbal et al., ECCV 2018, Section 5.2.

A ResNet-50 at 224 x 224 regresses the whole 2.5D pose from its pooled features, as a difference
from the mean pose.  Positions are fractions of the crop's side and depths are in lengths of the
reference bone, so that both are of the order of one tenth and alpha = 1 in Eq. 9.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hand_pose_25d.networks.output import PoseOutput, confidence
from hand_pose_25d.networks.zeroed import zeroed
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.networks.residuals import ResidualVariance
from hand_pose_25d_train.networks.resnet import BLOCKS_50, ResNet

MEAN_POSE_BATCHES = 200
"""The mean pose is the mean over this many first batches of training, and fixed from then on."""


class HolisticOutput(NamedTuple):
    """What the loss works on."""

    pose: Tensor
    """(B, 21, 3): u and v in crop sides, depth; the mean pose is added."""
    presence: Tensor
    """(B,) logit."""
    right: Tensor
    """(B,) logit."""


class HolisticNetwork(nn.Module):
    """ResNet features -> the deviation from the mean pose, presence and handedness."""

    formulation = "holistic"
    mean_pose: Tensor
    batches_seen: Tensor

    def __init__(self, trunk: ResNet, input_size: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.input_size = input_size
        self.pose = zeroed(nn.Linear(trunk.features, NUM_KEYPOINTS * 3))
        """Added to the mean pose, which is the initial one."""
        self.presence = nn.Linear(trunk.features, 1)
        self.right = nn.Linear(trunk.features, 1)
        self.residuals = ResidualVariance()
        mean_pose = torch.tensor((0.5, 0.5, 0.0)).repeat(NUM_KEYPOINTS, 1)
        self.register_buffer("mean_pose", mean_pose)
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def learn_mean(self, pose: Tensor, valid: Tensor) -> None:
        """Take the annotated poses (B, 21, 3) of a batch into the mean; `valid` alike, bool."""
        if int(self.batches_seen) >= MEAN_POSE_BATCHES:
            return
        self.batches_seen += 1
        count = valid.sum(0)
        mean = torch.where(valid, pose, 0).sum(0) / count.clamp(min=1)
        mean = torch.where(count > 0, mean, self.mean_pose)
        self.mean_pose.lerp_(mean.to(self.mean_pose.dtype), 1.0 / float(self.batches_seen))

    def raw(self, images: Tensor) -> HolisticOutput:
        """(B, 3, S, S) RGB in [0, 1] -> pose and logits."""
        features = self.trunk((images - 0.5) * 4).float()
        with torch.autocast(images.device.type, enabled=False):
            deviation = self.pose(features).unflatten(-1, (NUM_KEYPOINTS, 3))
            # Detached: the paper's trunk learns from the pose alone.
            presence = self.presence(features.detach())[:, 0]
            handedness = self.right(features.detach())[:, 0]
        return HolisticOutput(self.mean_pose + deviation, presence, handedness)

    def forward(self, images: Tensor) -> PoseOutput:
        """(B, 3, S, S) RGB in [0, 1] -> pose."""
        output = self.raw(images)
        covariance, variance = self.residuals.covariances(len(images), self.input_size)
        depth = output.pose[..., 2]
        return PoseOutput(
            output.pose[..., :2] * self.input_size - 0.5,
            depth - depth[:, :1],
            covariance,
            variance,
            confidence(covariance, self.input_size),
            output.presence,
            output.right,
        )


def build(config: dict[str, Any]) -> HolisticNetwork:
    """Make a network from {"input_size", "blocks", "width"}, by default ResNet-50 at 224 x 224.

    Raises ValueError for an unknown key.
    """
    options = {k: v for k, v in config.items() if k not in ("formulation", "name")}
    size = int(options.pop("input_size", 224))
    blocks, width = options.pop("blocks", BLOCKS_50), options.pop("width", 64)
    if options:
        raise ValueError(
            f"network configuration: unknown {', '.join(options)}; "
            "holistic allows input_size, blocks, width"
        )
    return HolisticNetwork(ResNet(tuple(blocks), int(width)), size)

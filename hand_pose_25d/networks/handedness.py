"""Handedness from the 2.5D pose: a hand and its mirror image are told apart by their geometry.

Where the skin shows no nails, folds or palm, the bent fingers and the thumb still tell them apart.
The answer, a logit, is added to that of the features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hand_pose_25d.networks.zeroed import zeroed
from hand_pose_25d.skeleton import NUM_KEYPOINTS


class HandednessOfPose(nn.Module):
    """Three layers on the keypoints, moved to their mean and scaled by their extent."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        last = zeroed(nn.Linear(width, 1))
        first = nn.Linear(3 * NUM_KEYPOINTS, width)
        self.layers = nn.Sequential(first, nn.ReLU(), nn.Linear(width, width), nn.ReLU(), last)

    def forward(self, uv: Tensor, depth: Tensor) -> Tensor:
        """uv (B, 21, 2) px, depth (B, 21) -> (B,) logit that this is a right hand.

        No gradient goes back into the pose: it is not bent to please its handedness.
        """
        with torch.autocast(uv.device.type, enabled=False):
            centered = (uv - uv.mean(1, keepdim=True)).detach()
            extent = centered.square().sum((1, 2), keepdim=True).clamp(min=1.0).sqrt()
            pose = torch.cat((centered * (4.0 / extent), depth.detach().unsqueeze(-1)), -1)
            return self.layers(pose.flatten(1))[:, 0]

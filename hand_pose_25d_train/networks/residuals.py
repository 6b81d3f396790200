"""How far a network without an uncertainty of its own has been off, keypoint by keypoint.

Direct heatmaps and holistic regression say nothing about their errors.  What the geometry needs as
their covariance is the mean squared error that training saw of late, as a running average.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hand_pose_25d.skeleton import NUM_KEYPOINTS

MOMENTUM = 0.01
"""Weight of the newest batch: the last few hundred batches count."""


class ResidualVariance(nn.Module):
    """Running mean squares of the errors: of (u, v) in crop sides, and of the depths."""

    uv: Tensor
    depth: Tensor

    def __init__(self) -> None:
        super().__init__()
        # A tenth of the crop and of the bone's length: what an untrained network starts from.
        self.register_buffer("uv", torch.full((NUM_KEYPOINTS,), 0.01))
        self.register_buffer("depth", torch.full((NUM_KEYPOINTS,), 0.01))

    @torch.no_grad()
    def update(self, uv_error: Tensor, uv_valid: Tensor, depth_error: Tensor, depth_valid: Tensor):
        """Take in one batch.

        uv_error (B, 21, 2) in crop sides, depth_error (B, 21), and which of them are annotated,
        (B, 21) bool each.  A keypoint that no sample annotates keeps its value.
        """
        squares = uv_error.float().square().mean(-1), depth_error.float().square()
        for buffer, square, valid in zip(
            (self.uv, self.depth), squares, (uv_valid, depth_valid), strict=True
        ):
            count = valid.sum(0)
            mean = torch.where(valid, square, 0).sum(0) / count.clamp(min=1)
            buffer.lerp_(torch.where(count > 0, mean, buffer).to(buffer.dtype), MOMENTUM)

    def covariances(self, batch: int, size: int) -> tuple[Tensor, Tensor]:
        """Return (B, 21, 2, 2) square pixels of a crop of `size`, and (B, 21)."""
        eye = torch.eye(2, dtype=self.uv.dtype, device=self.uv.device)
        covariance = (self.uv * size**2)[:, None, None] * eye
        return (
            covariance[None].expand(batch, -1, -1, -1),
            self.depth[None].expand(batch, -1),
        )

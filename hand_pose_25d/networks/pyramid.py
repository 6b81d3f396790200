"""The backbone of the pose network: an inverted-residual encoder and a light feature pyramid.

The pyramid (Lin et al., Feature Pyramid Networks, CVPR 2017) brings the deep maps back to an
eighth (or a quarter) of the input with depthwise-separable convolutions.  The pooled deepest map
gives an initial regression of the pose, the presence and the handedness.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hand_pose_25d.networks.backbone import (
    LAST_WIDTH,
    MBConvEncoder,
    PointwiseConv2d,
    SameConv2d,
)
from hand_pose_25d.networks.features import NUM_MAPS, Features
from hand_pose_25d.networks.zeroed import zeroed
from hand_pose_25d.skeleton import NUM_KEYPOINTS


class SeparableResidual(nn.Module):
    """x + 1x1(relu6(5x5 depthwise(x))): the pyramid's unit; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = SameConv2d(width, width, 5, 1, groups=width)
        self.mix = PointwiseConv2d(width, width)
        self.project = zeroed(nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        return x + self.project(self.mix.relu6(self.depthwise(x)))


class MBConvPyramid(nn.Module):
    """Images -> latent maps at S / `stride`, and an initial regression of the pose."""

    def __init__(
        self,
        input_size: int = 224,
        stages: int = 1,
        width: int = 128,
        stride: int = 8,
        guided: bool = True,
        expansions: Sequence[int] | None = None,
        last_width: int = LAST_WIDTH,
    ) -> None:
        """`expansions`, `last_width`: of the encoder.

        Raises ValueError for a stride other than 4 or 8, and for widths that are none.
        """
        super().__init__()
        if stride not in (4, 8):
            raise ValueError(f"stride {stride}: allowed are 4 and 8")
        self.guided = guided
        self.input_size = input_size
        self.encoder = MBConvEncoder(expansions, last_width)
        widths = list(reversed(self.encoder.widths))[: 4 if stride == 4 else 3]
        self.laterals = nn.ModuleList(nn.Conv2d(w, width, 1) for w in widths)
        self.merges = nn.ModuleList(SeparableResidual(width) for _ in widths)
        self.refines = nn.ModuleList(
            nn.Sequential(SeparableResidual(width), SeparableResidual(width))
            for _ in range(stages)
        )
        heads = [nn.Conv2d(width, NUM_MAPS, 1) for _ in range(stages)]
        self.heads = nn.ModuleList(heads)
        self.feedbacks = nn.ModuleList(nn.Conv2d(NUM_MAPS, width, 1) for _ in range(stages - 1))
        for head in heads:
            if guided:  # Untrained maps add nothing to the initial regression.
                nn.init.zeros_(head.weight)
            assert head.bias is not None
            nn.init.zeros_(head.bias)
        # Parameters' names are those in the files of weights.
        self.guide = nn.Linear(last_width, 3 * NUM_KEYPOINTS)
        """The initial regression: u, v (pixels of a 224 crop; scaled to this one) and depth."""
        self.presence = nn.Linear(last_width, 1)
        self.right = nn.Linear(last_width, 1)

    def forward(self, images: Tensor) -> Features:
        """(B, 3, S, S) RGB in [0, 1] -> maps (B, NUM_MAPS, S / stride, S / stride) per stage."""
        levels = list(reversed(self.encoder(images)))
        pooled = levels[0].mean((2, 3))
        x = self.merges[0](self.laterals[0](levels[0]))
        for level, lateral, merge in zip(
            levels[1:], self.laterals[1:], self.merges[1:], strict=False
        ):
            size = [int(n) for n in level.shape[-2:]]  # constants in exported graphs
            x = F.interpolate(x, size=size, mode="nearest")
            x = merge(x + lateral(level))
        maps = []
        for stage, (refine, head) in enumerate(zip(self.refines, self.heads, strict=True)):
            x = refine(x)
            maps.append(head(x))
            if stage < len(self.feedbacks):
                x = x + self.feedbacks[stage](maps[-1])
        presence, handedness = self.presence(pooled)[:, 0], self.right(pooled)[:, 0]
        if not self.guided:
            return Features(maps, presence, handedness)
        # The linear heads in float32: a bfloat16 pixel of 200 has steps of 1.
        with torch.autocast(images.device.type, enabled=False):
            weight, bias = self.guide.weight.float(), self.guide.bias.float()
            initial = F.linear(pooled.float(), weight, bias).view(-1, NUM_KEYPOINTS, 3)
        uv = (initial[..., :2] + 0.5) * (self.input_size / 224) - 0.5
        return Features(maps, presence, handedness, uv, initial[..., 2])

"""The paper's backbone: an encoder-decoder with skip connections.

Iqbal et al., Section 4.3 and the supplement: 256 channels in every convolution, in and out 128 x
128, one stage or two; the second sees the first one's features and maps.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hand_pose_25d.networks.features import NUM_MAPS, Features


class ConvUnit(nn.Sequential):
    """3 x 3 convolution, batch normalisation, ReLU."""

    def __init__(self, width_in: int, width: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(width_in, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )


class EncoderDecoder(nn.Module):
    """Halve the size `levels` times and double it again, with additive skip connections."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(ConvUnit(width, width), ConvUnit(width, width))
        self.down = nn.ModuleList(
            nn.Sequential(ConvUnit(width, width, 2), ConvUnit(width, width)) for _ in range(levels)
        )
        self.up = nn.ModuleList(
            nn.Sequential(ConvUnit(width, width), ConvUnit(width, width)) for _ in range(levels)
        )
        self.bottom = ConvUnit(width, width)
        self.last = nn.Sequential(ConvUnit(width, width), ConvUnit(width, width))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, h, w) -> the same shape, and the deepest features."""
        x = self.first(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        x = deepest = self.bottom(x)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(F.interpolate(x, size=skip.shape[-2:], mode="nearest") + skip)
        return self.last(x), deepest


class StackedEncoderDecoder(nn.Module):
    """One or more encoder-decoders; every stage has its own maps (local supervision)."""

    def __init__(
        self, stages: int = 1, width: int = 256, levels: int = 6, output_stride: int = 1
    ) -> None:
        """`output_stride`: how much smaller than the image the maps are; 1 in the paper."""
        super().__init__()
        self.output_stride = output_stride
        self.stem = ConvUnit(3, width)
        self.bodies = nn.ModuleList(EncoderDecoder(width, levels) for _ in range(stages))
        self.heads = nn.ModuleList(nn.Conv2d(width, NUM_MAPS, 1) for _ in range(stages))
        self.feedbacks = nn.ModuleList(nn.Conv2d(NUM_MAPS, width, 1) for _ in range(stages - 1))
        self.presence = nn.Linear(width, 1)
        self.right = nn.Linear(width, 1)

    def forward(self, images: Tensor) -> Features:
        """(B, 3, S, S) RGB in [0, 1] -> maps (B, NUM_MAPS, S / stride, S / stride) per stage."""
        x = self.stem(images - 0.5)
        maps = []
        for stage, (body, head) in enumerate(zip(self.bodies, self.heads, strict=True)):
            y, deepest = body(x)
            full = head(y)
            stride = self.output_stride
            maps.append(F.avg_pool2d(full, stride) if stride > 1 else full)
            if stage < len(self.feedbacks):
                x = x + y + self.feedbacks[stage](full)
        pooled = deepest.mean((2, 3))
        return Features(maps, self.presence(pooled)[:, 0], self.right(pooled)[:, 0])

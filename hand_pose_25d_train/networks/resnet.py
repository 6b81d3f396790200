"""ResNet-50: He et al., CVPR 2016, with the stride in the 3 x 3 convolution of each bottleneck."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

BLOCKS_50 = (3, 4, 6, 3)
EXPANSION = 4


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 convolutions and a shortcut."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        width_out = width * EXPANSION
        self.reduce = nn.Sequential(
            nn.Conv2d(width_in, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.restore = nn.Sequential(
            nn.Conv2d(width, width_out, 1, bias=False), nn.BatchNorm2d(width_out)
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(width_in, width_out, 1, stride, bias=False), nn.BatchNorm2d(width_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, 4 width, h / stride, w / stride)."""
        return F.relu(self.restore(self.spatial(self.reduce(x))) + self.shortcut(x), inplace=True)


class ResNet(nn.Module):
    """The convolutions and the global average; 2048 features, with 50 layers."""

    def __init__(self, blocks: tuple[int, ...] = BLOCKS_50, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        stages, width_in = [], width
        for index, count in enumerate(blocks):
            for block in range(count):
                stride = 2 if index > 0 and block == 0 else 1
                stages.append(Bottleneck(width_in, width << index, stride))
                width_in = (width << index) * EXPANSION
        self.stages = nn.Sequential(*stages)
        self.features = width_in
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, features)."""
        return self.stages(self.stem(images)).mean((2, 3))

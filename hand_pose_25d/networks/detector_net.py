"""The hand detector: one stage, no anchors, two levels, any image size.

An encoder of 5 x 5 depthwise and 1 x 1 convolutions and a two-level top-down neck, the
architecture of MediaPipe's palm detector (Bazarevsky et al., BlazeFace, 2019; Zhang et al.,
MediaPipe Hands, 2020), whose Apache-2.0 weights it starts from, under a head in the manner of
YOLO and FCOS (Redmon et al., 2016; Tian et al., 2019): every cell of the maps at strides 8 and 16
says whether it is the middle of a palm and, if so, where the hand around it is.  The head is what
a 1 x 1 convolution reads off the map, and what a branch of blocks adds to it: left and right, for
one, are an exclusive or of things seen, which no linear reading tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  (the field's customary name)
from torch import Tensor, nn

from hand_pose_25d.networks.backbone import SameConv2d
from hand_pose_25d.networks.zeroed import zeroed

STRIDES = (8, 16)
LARGEST_STRIDE = 32
"""The sides of the input must be multiples of it."""
DEFAULT_SIZES = (384, 192)
"""Longer sides of the input: the first finds small hands, the second those that fill it."""
UNIT = 4.0
"""A head's lengths are in this many cells of its level, so that they are about 1."""
SCORE, BOX, CENTER, SIZE, DIRECTION, RIGHT = 0, slice(1, 5), slice(5, 7), 7, slice(8, 10), 10
ACROSS, BACK = slice(11, 13), 13
"""The channels of a head."""
NUM_CHANNELS = 14
BRANCH_WIDTH = 96
"""Of the branches that training adds."""
STAGE_WIDTHS = (32, 64, 128, 256, 256)
"""Channels at strides 2, 4, 8, 16 and 32."""
BLOCKS = (4, 5, 5, 5, 5)
"""Blocks at these strides, where the configuration says nothing."""
ACTIVATIONS = ("prelu", "relu")
"""What may follow a convolution; runtimes make ReLU a part of it."""


class Cells(NamedTuple):
    """What every cell of both levels says; N = H W / 64 + H W / 256.  Pixels of the input."""

    score: Tensor
    """(B, N) logit: this is the middle of a palm."""
    box: Tensor
    """(B, N, 4) left, top, right, bottom of the box around the hand's keypoints."""
    center: Tensor
    """(B, N, 2) centre of the hand's region, as `Region.from_keypoints` places it."""
    size: Tensor
    """(B, N) side of that region; not above 0 where there is no hand."""
    direction: Tensor
    """(B, N, 2) wrist -> knuckles; not of unit length."""
    right: Tensor
    """(B, N) logit: a right hand."""
    across: Tensor
    """(B, N, 2) knuckle of the index -> that of the little finger, about 1 for a flat hand."""
    back: Tensor
    """(B, N) logit: the back of the hand is seen."""


def activation_of(kind: str, width: int) -> nn.Module:
    """Return one of ACTIVATIONS for so many channels; raises ValueError for another."""
    if kind not in ACTIVATIONS:
        raise ValueError(f"activation {kind!r}: allowed are {', '.join(ACTIVATIONS)}")
    return nn.PReLU(width) if kind == "prelu" else nn.ReLU()


class Block(nn.Module):
    """Filter depthwise, mix by 1 x 1, add the shortcut, activate."""

    def __init__(self, width_in: int, width: int, stride: int = 1, kind: str = "prelu") -> None:
        super().__init__()
        self.depthwise = SameConv2d(width_in, width_in, 5, stride, groups=width_in)
        self.pointwise = nn.Conv2d(width_in, width, 1)
        self.activation = activation_of(kind, width)
        self.stride, self.more = stride, width - width_in

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        y = self.pointwise(self.depthwise(x))
        if self.stride > 1:
            x = F.max_pool2d(x, self.stride)
        if self.more:
            x = F.pad(x, (0, 0, 0, 0, 0, self.more))
        return self.activation(x + y)


def two_blocks(width: int, kind: str) -> nn.Sequential:
    """Return two blocks of a width."""
    return nn.Sequential(Block(width, width, kind=kind), Block(width, width, kind=kind))


class TopDown(nn.Module):
    """Bring a coarse map to the next finer level and mix it with the encoder's map there."""

    def __init__(self, width_in: int, width: int, kind: str = "prelu") -> None:
        super().__init__()
        self.lateral = nn.Conv2d(width_in, width, 1)
        self.activation = activation_of(kind, width)
        self.blocks = two_blocks(width, kind)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(B, C, H, W), (B, C', 2 H, 2 W) -> (B, C', 2 H, 2 W)."""
        x = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        return self.blocks(fine + self.activation(self.lateral(x)))


class DetectorTrunk(nn.Module):
    """The encoder and its neck."""

    widths = (128, 256)
    """Channels at strides 8 and 16."""

    def __init__(self, blocks: Sequence[int] = BLOCKS, kind: str = "prelu") -> None:
        """`blocks` of each stride; `kind` of activation.  Raises ValueError for other counts."""
        super().__init__()
        if len(blocks) != len(STAGE_WIDTHS) or any(n != int(n) or n < 1 for n in blocks):
            raise ValueError(f"blocks must be {len(STAGE_WIDTHS)} numbers from 1 on, got {blocks}")
        self.stem = SameConv2d(3, STAGE_WIDTHS[0], 5, 2)
        self.stem_activation = activation_of(kind, STAGE_WIDTHS[0])
        stages, width_in = [], STAGE_WIDTHS[0]
        for level, (width, count) in enumerate(zip(STAGE_WIDTHS, blocks, strict=True)):
            first = Block(width_in, width, 2 if level else 1, kind)
            rest = (Block(width, width, kind=kind) for _ in range(int(count) - 1))
            stages.append(nn.Sequential(first, *rest))
            width_in = width
        self.stages = nn.ModuleList(stages)
        self.neck16 = TopDown(256, 256, kind)
        self.neck8 = TopDown(256, 128, kind)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) RGB in [0, 1] -> maps (B, 128, H/8, W/8) and (B, 256, H/16, W/16)."""
        x = self.stem_activation(self.stem(images))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        middle = self.neck16(maps[4], maps[3])
        return self.neck8(middle, maps[2]), middle


class Branch(nn.Module):
    """What the linear head cannot read off a level's map; adds nothing before it is trained."""

    def __init__(self, width_in: int, width: int, kind: str = "prelu") -> None:
        super().__init__()
        self.narrow = nn.Conv2d(width_in, width, 1)
        self.activation = activation_of(kind, width)
        self.blocks = two_blocks(width, kind)
        self.last = zeroed(nn.Conv2d(width, NUM_CHANNELS, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, NUM_CHANNELS, H, W)."""
        return self.last(self.blocks(self.activation(self.narrow(x))))


class DetectorNet(nn.Module):
    """Trunk, head and branches."""

    def __init__(
        self,
        sizes: Sequence[int] = DEFAULT_SIZES,
        branch_width: int = 0,
        blocks: Sequence[int] = BLOCKS,
        activation: str = "prelu",
    ) -> None:
        """`sizes`: longer sides, px, at which it is to look at an image; `branch_width`: channels
        of the branches, 0 for none.  Raises ValueError for other `blocks` and `activation`."""
        super().__init__()
        self.sizes = tuple(int(s) for s in sizes)
        self.trunk = DetectorTrunk(blocks, activation)
        widths = self.trunk.widths
        self.heads = nn.ModuleList(nn.Conv2d(w, NUM_CHANNELS, 1) for w in widths)
        self.branches = nn.ModuleList(
            Branch(w, branch_width, activation) for w in widths if branch_width
        )

    def forward(self, images: Tensor) -> Cells:
        """(B, 3, H, W) RGB in [0, 1] -> `Cells`.  H and W are multiples of 32, else ValueError."""
        height, width = images.shape[-2:]
        if height % LARGEST_STRIDE or width % LARGEST_STRIDE:
            raise ValueError(
                f"the detector's input must have sides that are multiples of {LARGEST_STRIDE}, "
                f"got {width} x {height}"
            )
        return self.cells(self.trunk(images))

    def cells(self, maps: Sequence[Tensor]) -> Cells:
        """Return what the heads and branches read off the trunk's maps."""
        raws = [head(features) for head, features in zip(self.heads, maps, strict=True)]
        if self.branches:
            pairs = zip(self.branches, maps, strict=True)
            added = [branch(features) for branch, features in pairs]
            raws = [raw + more for raw, more in zip(raws, added, strict=True)]
        rows = [decode(raw, stride) for raw, stride in zip(raws, STRIDES, strict=True)]
        return Cells(*(torch.cat(parts, dim=1) for parts in zip(*rows, strict=True)))


def cell_centers(h: int, w: int, stride: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the centres of a level's cells: (h x w, 2) (u, v) pixels, row by row.

    Cell i covers the pixels i stride .. (i + 1) stride - 1, pixel centres being whole numbers.
    """
    u = (torch.arange(w, device=device) + 0.5) * stride - 0.5
    v = (torch.arange(h, device=device) + 0.5) * stride - 0.5
    return torch.stack(torch.meshgrid(u, v, indexing="xy"), dim=-1).reshape(-1, 2)


def decode(raw: Tensor, stride: int) -> Cells:
    """Turn a level's map (B, NUM_CHANNELS, H, W) into pixels."""
    height, width = raw.shape[-2:]
    flat = raw.float().flatten(2).transpose(1, 2)  # half precision has no pixels beyond 256
    origin = cell_centers(height, width, stride, raw.device)
    unit = UNIT * stride
    outward = flat.new_tensor([-unit, -unit, unit, unit])
    direction, across, back = flat[..., DIRECTION], flat[..., ACROSS], flat[..., BACK]
    # Left and right hands differ as an exclusive or does: by which side of the hand is seen, and
    # by which way round the knuckles lie.  Both are easily seen; their combination is not learned.
    up = F.normalize(direction, dim=-1, eps=1e-3).detach()
    sense = (up[..., 0] * across[..., 1] - up[..., 1] * across[..., 0]).detach().clamp(-1, 1)
    return Cells(
        score=flat[..., SCORE],
        box=origin.repeat(1, 2) + flat[..., BOX] * outward,
        center=origin + flat[..., CENTER] * unit,
        size=flat[..., SIZE] * unit,
        direction=direction,
        right=flat[..., RIGHT] + sense * back,
        across=across,
        back=back,
    )


def build(config: dict[str, Any]) -> DetectorNet:
    """Make the network of a configuration: {"formulation": "detector", "sizes": [384, 192]}.

    One without "branch_width" is of a network that has no branches; what "blocks" and
    "activation" are without an entry is said by BLOCKS and ACTIVATIONS[0].
    """
    return DetectorNet(
        config.get("sizes", DEFAULT_SIZES),
        int(config.get("branch_width", 0)),
        config.get("blocks", BLOCKS),
        config.get("activation", ACTIVATIONS[0]),
    )

"""Encoders: image -> feature maps at strides 4, 8, 16 and 32.

`MBConvEncoder` is a stack of inverted residuals (Sandler et al., MobileNetV2, CVPR 2018) with the
widths and kernels of EfficientNet-Lite0 (Tan and Le, 2019) and no normalisation layers: its
starting weights come with theirs folded in, and on a CPU they would cost a third of the time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (the field's customary name)
from torch import Tensor, nn

MBCONV_BLOCKS: tuple[tuple[int, int, int, int], ...] = (
    (64, 24, 3, 2),
    (144, 24, 3, 1),
    (144, 40, 5, 2),
    (240, 40, 5, 1),
    (240, 80, 3, 2),
    (480, 80, 3, 1),
    (480, 80, 3, 1),
    (480, 112, 5, 1),
    (672, 112, 5, 1),
    (672, 112, 5, 1),
    (672, 192, 5, 2),
    (1152, 192, 5, 1),
    (1152, 192, 5, 1),
    (1152, 192, 5, 1),
)
"""(expansion width, output width, kernel, stride) of each inverted residual."""

LAST_WIDTH = 1152
"""Width of the deepest feature map: an expansion that is not projected back."""


class PointwiseConv2d(nn.Conv2d):
    """A 1 x 1 convolution that may have a ReLU6 behind it."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__(width_in, width, 1)

    def relu6(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> ReLU6 of `forward(x)`, (B, C', H, W)."""
        return F.relu6(self(x), inplace=True)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME is: with stride 2, one more at the far end."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        stride, height, width = self.stride[0], *x.shape[-2:]
        if stride == 1:
            return self.convolve(x, self.kernel_size[0] // 2)
        totals = self.padding_of(height), self.padding_of(width)
        # What is cut off below would need a gradient; and OpenVINO is faster this way.
        if self.training or torch.jit.is_tracing():
            sides = [half for t in reversed(totals) for half in (t // 2, t - t // 2)]
            return self.convolve(F.pad(x, sides), 0)
        # F.pad copies the largest maps, an eighth of the network's time.  Padded by a stride more
        # at both ends instead, the result has a row or a column too many before it.
        extra = [total % 2 for total in totals]
        padding = [total // 2 + stride * more for total, more in zip(totals, extra, strict=True)]
        y = F.conv2d(x, self.weight, self.bias, stride, padding, 1, self.groups)
        first, left = extra
        return y[..., first : first + self.length_of(height), left : left + self.length_of(width)]

    def relu6(self, x: Tensor) -> Tensor:
        """Return ReLU6 of `forward(x)`."""
        return F.relu6(self(x), inplace=True)

    def is_depthwise(self) -> bool:
        """Whether every channel is filtered for itself."""
        return self.groups == self.out_channels == self.in_channels

    def length_of(self, length: int) -> int:
        """Return the output's height (or width) for the input's."""
        # Not -(-length // stride): ONNX divides towards zero.
        return (length - 1) // self.stride[0] + 1

    def padding_of(self, length: int) -> int:
        """Return the rows (or columns) that are added to an input of this length, both ends."""
        last = (self.length_of(length) - 1) * self.stride[0]
        return max(last + self.kernel_size[0] - length, 0)

    def convolve(self, x: Tensor, padding: int) -> Tensor:
        """Convolve with so much padding on all sides."""
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)


class InvertedResidual(nn.Module):
    """Expand by 1 x 1, filter depthwise, project back; a shortcut where the shapes allow it."""

    def __init__(self, width_in: int, expansion: int, width: int, kernel: int, stride: int):
        super().__init__()
        self.expand = PointwiseConv2d(width_in, expansion)
        self.depthwise = SameConv2d(expansion, expansion, kernel, stride, groups=expansion)
        self.project = nn.Conv2d(expansion, width, 1)
        self.shortcut = stride == 1 and width_in == width

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        y = self.project(self.depthwise.relu6(self.expand.relu6(x)))
        return x + y if self.shortcut else y


class MBConvEncoder(nn.Module):
    """The encoder of the pose network, as wide as MediaPipe's or with fewer channels."""

    def __init__(
        self, expansions: Sequence[int] | None = None, last_width: int = LAST_WIDTH
    ) -> None:
        """Make an encoder.

        Args:
            expansions: widths between the convolutions of each block, instead of MBCONV_BLOCKS'.
            last_width: channels of the deepest map.

        Raises ValueError for widths that are none, or not one for each block.
        """
        super().__init__()
        inner = [block[0] for block in MBCONV_BLOCKS] if expansions is None else list(expansions)
        if len(inner) != len(MBCONV_BLOCKS) or not all(
            isinstance(width, int) and width > 0 for width in (*inner, last_width)
        ):
            raise ValueError(
                f"expansions must be {len(MBCONV_BLOCKS)} whole numbers of at least 1, and "
                f"last_width one, got {expansions} and {last_width}"
            )
        self.widths = (24, 40, 112, last_width)
        """Channels of the four feature maps."""
        self.stem = SameConv2d(3, 24, 3, 2)
        self.stem_depthwise = SameConv2d(24, 24, 3, 1, groups=24)
        self.stem_project = nn.Conv2d(24, 16, 1)
        width = 16
        blocks = []
        for expansion, (_, width_out, kernel, stride) in zip(inner, MBCONV_BLOCKS, strict=True):
            blocks.append(InvertedResidual(width, expansion, width_out, kernel, stride))
            width = width_out
        self.blocks = nn.ModuleList(blocks)
        self.last_expand = PointwiseConv2d(width, last_width)
        self.last_depthwise = SameConv2d(last_width, last_width, 3, 1, groups=last_width)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, S, S) RGB in [0, 1] -> maps of `widths` channels, S/4 ... S/32."""
        x = self.stem_project(self.stem_depthwise.relu6(self.stem.relu6(images)))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in (1, 3, 9):
                maps.append(x)
        maps.append(self.last_depthwise.relu6(self.last_expand.relu6(x)))
        return maps

    def convolutions(self) -> list[nn.Conv2d]:
        """Return MediaPipe's convolutions in the order in which they run."""
        found = [self.stem, self.stem_depthwise, self.stem_project]
        for block in self.blocks:
            assert isinstance(block, InvertedResidual)
            found += [block.expand, block.depthwise, block.project]
        return found + [self.last_expand, self.last_depthwise]


@torch.no_grad()
def load_convolutions(
    convolutions: list[nn.Conv2d], constants: list[tuple[Tensor, Tensor]]
) -> None:
    """Copy (weight, bias) pairs, weights as (out, in / groups, k, k), into the convolutions.

    Raises ValueError where the number of pairs or a shape differs.
    """
    if len(convolutions) != len(constants):
        raise ValueError(f"{len(convolutions)} convolutions, but {len(constants)} weights")
    pairs = zip(convolutions, constants, strict=True)
    for index, (convolution, (weight, bias)) in enumerate(pairs):
        if convolution.weight.shape != weight.shape:
            raise ValueError(
                f"convolution {index}: {tuple(convolution.weight.shape)} here, "
                f"{tuple(weight.shape)} in the file"
            )
        convolution.weight.copy_(weight)
        assert convolution.bias is not None
        convolution.bias.copy_(bias)

"""The library's `SameConv2d` with depthwise convolutions that train quickly on a CPU."""

from __future__ import annotations

from torch import Tensor

from hand_pose_25d.networks.backbone import SameConv2d
from hand_pose_25d_train.networks.cpu import compiled
from hand_pose_25d_train.networks.cpu.depthwise import depthwise_conv2d


class FastSameConv2d(SameConv2d):
    """The same weights, results and gradients, by compiled.py where it can, else depthwise.py."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        return self._compiled(x, None) if self._compiles(x) else super().forward(x)

    def relu6(self, x: Tensor) -> Tensor:
        """Return ReLU6 of `forward(x)`."""
        return self._compiled(x, (0.0, 6.0)) if self._compiles(x) else super().relu6(x)

    def convolve(self, x: Tensor, padding: int) -> Tensor:
        """Convolve with so much padding on all sides."""
        if self.is_depthwise():
            return depthwise_conv2d(x, self.weight, self.bias, self.stride[0], padding)
        return super().convolve(x, padding)

    def _compiles(self, x: Tensor) -> bool:
        return self.is_depthwise() and self.training and compiled.supports(x, self.weight)

    def _compiled(self, x: Tensor, clamp: compiled.Clamp | None) -> Tensor:
        height, width = x.shape[-2:]
        return compiled.convolve(
            x,
            self.weight,
            self.bias,
            self.stride[0],
            (self.padding_of(height) // 2, self.padding_of(width) // 2),
            (self.length_of(height), self.length_of(width)),
            clamp,
        )

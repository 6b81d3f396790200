"""A convolution and the ReLU6 behind it as one operation, where that makes training faster.

On a CPU a bfloat16 training step spends as much time on writing clamped maps back to memory as on
the 1 x 1 convolutions that made them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hand_pose_25d.networks.backbone import PointwiseConv2d


class FastPointwiseConv2d(PointwiseConv2d):
    """The same weights, results and gradients, the ReLU6 in one operation with the convolution."""

    def relu6(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> ReLU6 of `forward(x)`, (B, C', H, W)."""
        if not (self.training and _is_bfloat16_on_cpu(x)):
            return super().relu6(x)
        cast = [t.to(torch.bfloat16) for t in (x, self.weight, self.bias)]  # type: ignore[union-attr]
        result: Tensor = _PointwiseReLU6.apply(*cast)
        return result


def _is_bfloat16_on_cpu(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        # False without AVX-512, where oneDNN refuses the fused operation.
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


class _PointwiseReLU6(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, [0, 0], [1, 1], [1, 1], 1, "hardtanh", [0, 6], ""
        )
        ctx.save_for_backward(x, weight, y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        passed = torch.ops.aten.hardtanh_backward(gradients[0], y, 0, 6)
        found = torch.ops.aten.convolution_backward(
            passed, x, weight, [len(weight)], [1, 1], [0, 0], [1, 1], False, [0, 0], 1,
            list(ctx.needs_input_grad),
        )  # fmt: skip
        return found[0], found[1], found[2]

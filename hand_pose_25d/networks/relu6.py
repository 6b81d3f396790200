"""A convolution and the ReLU6 behind it as one operation, where that makes training faster.

On a CPU a bfloat16 training step spends as much time on writing clamped maps back to memory as on
the 1 x 1 convolutions that made them.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def convolve_relu6(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """(B, C, H, W) -> ReLU6 of the convolution's result; the same values, however it is made."""
    if convolution.training and convolution.kernel_size == (1, 1) and _is_bfloat16_on_cpu(x):
        return _pointwise(x, convolution)
    return F.relu6(convolution(x), inplace=True)


def _is_bfloat16_on_cpu(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and _has_bfloat16_convolutions()
    )


@functools.cache
def _has_bfloat16_convolutions() -> bool:
    """Tell whether the operation exists here: without AVX-512 (or its like) oneDNN refuses it."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _pointwise(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    cast = [t.to(torch.bfloat16) for t in (x, convolution.weight, convolution.bias)]  # type: ignore[union-attr]
    result: Tensor = _PointwiseReLU6.apply(*cast)
    return result


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

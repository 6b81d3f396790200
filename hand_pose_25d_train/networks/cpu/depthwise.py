"""Depthwise convolution on a CPU whose weights' gradient is not the step's bottleneck.

oneDNN has a fast gradient for the weights of 3 x 3 depthwise kernels only; that of 5 x 5 ones
takes ten times as long, in bfloat16 more than all the rest of a training step.  The gradient of a
5 x 5 kernel is that of four 3 x 3 ones, on the input moved by none or two pixels each way.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def depthwise_conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """`F.conv2d` of (B, C, H, W) with (C, 1, k, k) kernels, a channel each; same result.

    Where a 5 x 5 kernel is trained on a CPU, its gradient is put together from 3 x 3 ones.
    """
    channels, kernel = weight.shape[0], weight.shape[-1]
    learns = weight.requires_grad and torch.is_grad_enabled()
    if kernel == 5 and learns and x.device.type == "cpu":
        if torch.is_autocast_enabled("cpu"):
            # A custom function's arguments are not cast for it.
            dtype = torch.get_autocast_dtype("cpu")
            x, weight = x.to(dtype), weight.to(dtype)
            bias = None if bias is None else bias.to(dtype)
        return _Depthwise5x5.apply(x, weight, bias, stride, padding)
    return F.conv2d(x, weight, bias, stride, padding, 1, channels)


class _Depthwise5x5(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding, bias is not None
        return F.conv2d(x, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, has_bias = ctx.geometry
        (gradient,) = gradients
        of_bias = None
        if has_bias:
            of_bias = gradient.sum((0, 2, 3), dtype=torch.float32).to(gradient.dtype)
        if stride > 1:  # As the outputs that stride 1 would have had, most of them not asked for.
            gradient = _spread(gradient, stride)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        height, width = (length - 2 * padding + 4 for length in gradient.shape[-2:])
        used = x[..., :height, :width]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = _backward(gradient, used, weight, padding, (True, False))[0]
            of_x = F.pad(of_x, (0, x.shape[-1] - width, 0, x.shape[-2] - height))
        return of_x, _weight_gradient(gradient, used, weight, padding), of_bias, None, None


def _spread(gradient: Tensor, stride: int) -> Tensor:
    batch, channels, height, width = gradient.shape
    spread = torch.zeros(
        (batch, channels, (height - 1) * stride + 1, (width - 1) * stride + 1),
        dtype=gradient.dtype,
        device=gradient.device,
    ).contiguous(memory_format=torch.channels_last)
    spread[..., ::stride, ::stride] = gradient
    return spread


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, padding: int) -> Tensor:
    """The corners of the 5 x 5 kernel, as 3 x 3 kernels; where two overlap, both say the same."""
    total = torch.empty_like(weight)
    part = weight[..., :3, :3].contiguous()
    padded = F.pad(x, (padding,) * 4) if padding else x
    height, width = gradient.shape[-2] + 2, gradient.shape[-1] + 2
    for v in (0, 2):
        for u in (0, 2):
            window = padded[..., v : v + height, u : u + width]
            window = window.contiguous(memory_format=torch.channels_last)
            corner = _backward(gradient, window, part, 0, (False, True))[1]
            total[..., v : v + 3, u : u + 3] = corner
    return total


def _backward(
    gradient: Tensor, x: Tensor, weight: Tensor, padding: int, wanted: Any
) -> tuple[Tensor, Tensor]:
    found = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        [1, 1],
        [padding] * 2,
        [1, 1],
        False,
        [0, 0],
        len(weight),
        [*wanted, False],
    )
    return found[0], found[1]

"""What makes an ONNX graph of ours small on disk and fast in ONNX Runtime; the numbers stay."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from hand_pose_25d.networks.backbone import SameConv2d

EVEN_LENGTH = 16
"""All even lengths of at least a kernel are padded alike: this one stands for them."""


class UnfusedPReLU(nn.Module):
    """a x + (1 - a) relu(x) for PReLU with the slopes a.

    ONNX Runtime has PReLU for one memory layout only, and not the one that its convolutions are
    fast in: half of the detector's time went into it.  Depthwise 1 x 1 convolutions stay there.
    """

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.slopes = nn.Parameter(slopes.detach().view(-1, 1, 1, 1))
        self.rest = nn.Parameter(1 - slopes.detach().view(-1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        count = len(self.slopes)
        rest = F.conv2d(F.relu(x), self.rest, groups=count)
        return F.conv2d(x, self.slopes, groups=count) + rest


def unfused_prelu(graph: nn.Module) -> nn.Module:
    """Return a copy of a network with `UnfusedPReLU` in place of each PReLU."""
    return _replaced(graph, lambda m: UnfusedPReLU(m.weight) if isinstance(m, nn.PReLU) else m)


def _replaced(graph: nn.Module, replacement: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Return a copy of a network with each of its modules as `replacement` gives it."""
    changed = copy.deepcopy(graph)
    for module in list(changed.modules()):
        for name, child in module.named_children():
            setattr(module, name, replacement(child))
    return changed


class UnevenConv2d(nn.Module):
    """A `SameConv2d` of stride 2 on maps of even sides, padded by the convolution itself.

    torch pads both ends alike, so that a pad of its own stands before such a convolution, in the
    memory layout in which no convolution is fast: a fifth of the pose network's time.
    """

    def __init__(self, convolution: SameConv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.groups = convolution.groups
        total = convolution.padding_of(EVEN_LENGTH)
        self.before, self.after = total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 2 H, 2 W) -> (B, C', H, W)."""
        y: Tensor = _UnevenConv.apply(
            x, self.weight, self.bias, self.before, self.after, self.groups
        )
        return y

    def relu6(self, x: Tensor) -> Tensor:
        """Return ReLU6 of `forward(x)`."""
        return F.relu6(self(x))


class _UnevenConv(torch.autograd.Function):
    """For the exporter: ONNX's convolution has a padding for each end."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, *padding: int) -> Tensor:
        before, after, groups = padding
        padded = F.pad(x, (before, after, before, after))
        return F.conv2d(padded, weight, bias, 2, groups=groups)

    @staticmethod
    def symbolic(g: Any, x: Any, weight: Any, bias: Any, *padding: int) -> Any:
        before, after, groups = padding
        side = weight.type().sizes()[-1]
        return g.op(
            "Conv", x, weight, bias,
            kernel_shape_i=[side, side], strides_i=[2, 2], group_i=groups,
            pads_i=[before, before, after, after], dilations_i=[1, 1],
        )  # fmt: skip


def padded_by_convolutions(graph: nn.Module) -> nn.Module:
    """Return a copy of a network with `UnevenConv2d` in place of each convolution of stride 2.

    For inputs whose sides are multiples of the network's largest stride.
    """

    def replacement(module: nn.Module) -> nn.Module:
        if isinstance(module, SameConv2d) and module.stride[0] == 2:
            return UnevenConv2d(module)
        return module

    return _replaced(graph, replacement)


def half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store as float16 what float16 holds exactly, with a cast behind it; in place.

    Shipped weights are float16 in their safetensors file.  Runtimes cast constants once, at load.
    """
    casts = []
    for initializer in model.graph.initializer:
        values = numpy_helper.to_array(initializer)
        if values.dtype != np.float32 or values.size < 2:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name, stored = initializer.name, f"{initializer.name}_float16"
        initializer.CopyFrom(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model

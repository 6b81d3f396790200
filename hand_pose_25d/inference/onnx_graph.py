"""What makes an ONNX graph of ours small on disk and fast in ONNX Runtime; the numbers stay."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import torch.nn.functional as F  # noqa: N812
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn


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
    changed = copy.deepcopy(graph)
    for module in list(changed.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.PReLU):
                setattr(module, name, UnfusedPReLU(child.weight))
    return changed


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

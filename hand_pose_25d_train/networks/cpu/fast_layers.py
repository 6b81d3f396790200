"""Layers that train quickly on a CPU, in the place of the library's while a network is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from hand_pose_25d.networks.backbone import PointwiseConv2d, SameConv2d
from hand_pose_25d_train.networks.cpu.pointwise import FastPointwiseConv2d
from hand_pose_25d_train.networks.cpu.prelu import FastPReLU
from hand_pose_25d_train.networks.cpu.same import FastSameConv2d

FAST: dict[type[nn.Module], type[nn.Module]] = {
    PointwiseConv2d: FastPointwiseConv2d,
    SameConv2d: FastSameConv2d,
    nn.PReLU: FastPReLU,
}
"""Layers and what takes their place: subclasses that keep nothing of their own."""


@contextmanager
def fast_layers(network: nn.Module) -> Iterator[nn.Module]:
    """Have the network's layers train quickly on a CPU until the context ends.

    Parameters, their names, hooks, answers and gradients (but for rounding) stay what they are: a
    module only takes the fast subclass as its class.  On other devices nothing is different.
    """
    swapped = [(module, type(module)) for module in network.modules() if type(module) in FAST]
    for module, kind in swapped:
        module.__class__ = FAST[kind]
    try:
        yield network
    finally:
        for module, kind in swapped:
            module.__class__ = kind

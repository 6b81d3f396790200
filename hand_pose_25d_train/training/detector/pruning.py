"""A smaller detector out of a larger one: fewer blocks, ReLU in place of PReLU."""

from __future__ import annotations

import copy
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hand_pose_25d.networks.detector_net import DetectorNet, build
from hand_pose_25d_train.training.map_distance import relative_distance

_ROWS = 20000
"""Cells of the images that a fit takes."""
_RIDGE = 1e-4
"""Of the mean square of what it is fitted to, on its diagonal."""


class FadingReLU(nn.ReLU):
    """PReLU that becomes ReLU in the course of a training; its slopes are no parameters."""

    slopes: Tensor

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.register_buffer("slopes", slopes.detach().view(-1, 1, 1), persistent=False)
        self.share = 1.0
        """Of the slopes, that is left."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        if self.share <= 0:
            return F.relu(x)
        return F.relu(x) - (self.share * self.slopes).to(x.dtype) * F.relu(-x)


def set_share(network: nn.Module, share: float) -> None:
    """Leave so much of the slopes of every `FadingReLU`."""
    for module in network.modules():
        if isinstance(module, FadingReLU):
            module.share = max(share, 0.0)


def same_shape(network: DetectorNet, config: dict[str, Any]) -> bool:
    """Tell whether a network is of a configuration's blocks, activation and branches."""
    shapes = [{k: v.shape for k, v in n.state_dict().items()} for n in (network, build(config))]
    return shapes[0] == shapes[1]


@torch.no_grad()
def pruned(network: DetectorNet, config: dict[str, Any], images: Tensor) -> DetectorNet:
    """Return the network of a configuration, made of a larger one's blocks.

    `images` (B, 3, H, W), RGB in [0, 1]: of a stage's blocks those stay with which its output for
    them changes least, once the last one's 1 x 1 convolution is fitted to it by least squares; the
    first one, which brings the stride, stays.  Raises ValueError where the configuration has
    more blocks, or another shape otherwise.
    """
    smaller, larger = build(config), copy.deepcopy(network)
    wanted = theirs = larger.trunk.stem_activation(larger.trunk.stem(images))
    for level, stage in enumerate(larger.trunk.stages):
        assert isinstance(stage, nn.Sequential)
        count = len(smaller.trunk.stages[level])  # type: ignore[arg-type]
        if count > len(stage):
            raise ValueError(f"blocks: {count} of a stage of {len(stage)} to start from")
        before, wanted = wanted, stage(wanted)
        if count < len(stage) or theirs is not before:
            target = _unactivated(stage[-1])(stage[:-1](before))
            made = [_fitted(stage, rest, theirs, target) for rest in _choices(stage, count)]
            best, theirs = min(
                ((blocks, blocks(theirs)) for blocks in made),
                key=lambda pair: float(relative_distance(pair[1], wanted)),
            )
            larger.trunk.stages[level] = best
        else:
            theirs = wanted
    state = larger.state_dict()
    for name, value in smaller.state_dict().items():
        if name not in state or state[name].shape != value.shape:
            raise ValueError(f"{name} {tuple(value.shape)} has no counterpart to start from")
        value.copy_(state[name])
    for name, module in list(smaller.named_modules()):
        if isinstance(module, nn.ReLU) and f"{name}.weight" in state:
            parent, _, child = name.rpartition(".")
            fading = FadingReLU(state[f"{name}.weight"])
            setattr(smaller.get_submodule(parent), child, fading)
    return smaller.eval()


def _choices(stage: nn.Sequential, count: int) -> list[tuple[int, ...]]:
    return [(0, *rest) for rest in combinations(range(1, len(stage)), count - 1)]


def _unactivated(block: nn.Module) -> nn.Module:
    """Return a copy of a block without its activation."""
    bare = copy.deepcopy(block)
    bare.activation = nn.Identity()
    return bare


def _fitted(
    stage: nn.Sequential, chosen: tuple[int, ...], x: Tensor, target: Tensor
) -> nn.Sequential:
    """Return copies of the chosen blocks, the last one's 1 x 1 convolution fitted.

    `target`: what is to be before the activation of the stage's last block, given `x`.
    """
    blocks = nn.Sequential(*(copy.deepcopy(stage[index]) for index in chosen))
    last: Any = blocks[-1]
    x = blocks[:-1](x)
    seen = last.depthwise(x)
    shortcut = _unactivated(last)(x) - last.pointwise(seen)
    rows = torch.randperm(target[:, 0].numel(), generator=torch.Generator().manual_seed(0))[:_ROWS]
    given, asked = (
        v.permute(0, 2, 3, 1).flatten(0, 2)[rows].double() for v in (seen, target - shortcut)
    )
    given = torch.cat([given, torch.ones_like(given[:, :1])], dim=1)
    square = given.T @ given
    square += _RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    solution = torch.linalg.solve(square, given.T @ asked).float()
    last.pointwise.weight.copy_(solution[:-1].T[..., None, None])
    last.pointwise.bias.copy_(solution[-1])
    last.activation = copy.deepcopy(stage[-1].activation)
    return blocks

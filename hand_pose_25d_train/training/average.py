"""Averages of weights: along a training run, and of several from one start."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Average:
    """Exponential moving average of a network's weights, in float32."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the model's weights; faster in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = model.state_dict()
        smooth = [name for name, value in current.items() if value.is_floating_point()]
        torch._foreach_lerp_(  # one call: on a GPU each costs as much as its work
            [self.state[name] for name in smooth], [current[name] for name in smooth], 1 - decay
        )
        for name in current.keys() - smooth:
            self.state[name].copy_(current[name])


@torch.no_grad()
def average_networks(networks: Sequence[nn.Module], shares: Sequence[float]) -> nn.Module:
    """Put the weighted mean of all networks' weights into the first; return it.

    Networks that were trained on from the same weights are better averaged than each for itself
    (Wortsman et al., "Model soups", ICML 2022).  Buffers that are no floating-point numbers stay
    the first's.  Raises ValueError for shares that do not add up to 1, and for other networks.
    """
    if len(networks) != len(shares) or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"{len(networks)} networks need as many shares of 1, got {shares}")
    states = [network.state_dict() for network in networks]
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    if any(other != shapes[0] for other in shapes):
        raise ValueError("networks of different shapes have no average")
    for name, value in states[0].items():
        if value.is_floating_point():
            parts = zip(states, shares, strict=True)
            value.copy_(sum(share * state[name] for state, share in parts))
    return networks[0]

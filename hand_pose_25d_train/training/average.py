"""The average of a network's weights along its training."""

from __future__ import annotations

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

"""The same hand in two crops shall have the same pose: a second view of each crop.

A tracker's crop moves a little from image to image; what the answer owes to that is jitter.
The term of the loss is losses.py's.
Compare Sajjadi et al., "Regularization with stochastic transformations and perturbations for deep
semi-supervised learning", NeurIPS 2016.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

SECOND_VIEW = "second_view"
"""The batch's entry with the maps from the first views to the second ones, (N, 2, 3)."""

_ANGLE = 0.1
"""Standard deviation of a second view's turn, radians."""
_ZOOM = 0.12
"""At the most so much closer, in log: further away there is nothing to see."""
_SHIFT = 0.03
"""Standard deviation of the shift, in sides of the crop."""


def with_second_views(batch: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Return a batch of N crops with a second view of each behind them, 2 N in all.

    A second view is turned, brought closer and shifted a little; its depths are those of the
    first, as they are relative to the root and in lengths of a bone.  `seed` decides all.
    """
    images = batch["image"]
    count, size = len(images), images.shape[-1]
    rng = torch.Generator().manual_seed(seed)
    angle = torch.randn(count, generator=rng) * _ANGLE
    zoom = (torch.rand(count, generator=rng) * _ZOOM).exp()
    shift = torch.randn((count, 2), generator=rng) * _SHIFT
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1)
    there = torch.cat([turn, shift[..., None]], 2).to(images.device)
    # What torch samples by leads back from the second view, in half sides.
    back = turn.inverse()
    grid_map = torch.cat([back, -2 * back @ shift[..., None]], 2).to(images.device)
    grid = F.affine_grid(grid_map, [count, 3, size, size], align_corners=False)
    views = F.grid_sample(images.float(), grid, mode="bilinear", align_corners=False)
    doubled = {name: torch.cat([values, values]) for name, values in batch.items()}
    doubled["image"] = torch.cat([images, views.round().to(images.dtype)])
    doubled["uv"] = torch.cat([batch["uv"], in_second_view(batch["uv"], there, size)])
    doubled["focal"] = torch.cat([batch["focal"], batch["focal"] * zoom.to(images.device)])
    return {**doubled, SECOND_VIEW: there}


def in_second_view(uv: Tensor, there: Tensor, size: int) -> Tensor:
    """Return where pixels (N, K, 2) of crops of `size` are in the second views."""
    centred = (uv + 0.5) / size - 0.5
    moved = centred @ there[:, :, :2].transpose(1, 2) + there[:, None, :, 2]
    return (moved + 0.5) * size - 0.5

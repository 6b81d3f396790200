"""How far a network's maps are from another's."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

_SMALLEST_SQUARE = 1e-6


def relative_distance(maps: Tensor, wanted: Tensor) -> Tensor:
    """Return the squared distance of maps (B, C, h, w) to wanted ones of any h, w, over theirs."""
    wanted = F.interpolate(
        wanted.float(), maps.shape[-2:], mode="bilinear", align_corners=False, antialias=True
    )
    return (maps.float() - wanted).square().mean() / wanted.square().mean().clamp(
        min=_SMALLEST_SQUARE
    )

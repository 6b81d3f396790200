"""The proportions of a hand's bones, and how far a 2.5D pose is from them.

At the distance Z of the root, in units of the reference bone as the depths are, a bone p - c has
the length | (Z + z_c) (x_c, y_c, 1) - (Z + z_p) (x_p, y_p, 1) | (Iqbal et al., Eq. 4, for all
bones instead of one).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d.skeleton import bone_vectors

PROPORTIONS = (
    (0.426, 0.398, 0.315, 0.242),  # thumb
    (1.000, 0.393, 0.241, 0.197),  # index
    (0.996, 0.427, 0.264, 0.209),  # middle
    (0.954, 0.396, 0.244, 0.201),  # ring
    (0.890, 0.304, 0.196, 0.177),  # little
)
"""Lengths of the fingers' bones, from the wrist outwards, over that of wrist - index MCP: medians
of 184 people's open hands held flat before the camera (the "5" of the ASL digits).  The thumb's
first, which points out of the palm, is the rendered body's."""
_PALM, FINGER = 0.03, 0.1
"""How far, in logarithms, lengths may be off before it counts fully: people's proportions differ,
and labels are off by a few pixels."""
_NEAREST, _FARTHEST = 0.5, 1.6  # distances tried, over that of a hand without any depth
_TRIED = 48


def lengths_at(rays: Tensor, depth: Tensor, distance: Tensor) -> Tensor:
    """Return the bones' lengths (B, T, 20) over the reference bone's at T distances of the root.

    rays (B, 21, 2) normalised coordinates; depth (B, 21) and distance (B, T) over the reference
    bone's length.
    """
    z = distance[:, :, None] + depth[:, None]  # (B, T, 21)
    points = torch.cat((rays[:, None] * z[..., None], z[..., None]), -1)
    return bone_vectors(points).square().sum(-1).clamp(min=1e-6).sqrt()


def bone_errors(rays: Tensor, depth: Tensor, distance: Tensor) -> Tensor:
    """Return how wrong the bones are at these distances: (B, T).  For shapes see `lengths_at`.

    The mean over the bones of the smooth absolute value of the logarithm of their length over the
    expected one, in units of its deviation.
    """
    expected = torch.tensor(PROPORTIONS, device=rays.device)
    deviation = torch.full_like(expected, FINGER)
    deviation[1:, 0] = _PALM
    off = (lengths_at(rays, depth, distance) / expected.flatten()).log() / deviation.flatten()
    return F.smooth_l1_loss(off, torch.zeros_like(off), reduction="none").mean(-1)


@torch.no_grad()
def best_distance(rays: Tensor, depth: Tensor, tried: int = _TRIED) -> Tensor:
    """Return that of some distances of the root at which the bones fit best: (B,)."""
    expected = torch.tensor(PROPORTIONS, device=rays.device)
    across = bone_vectors(rays).square().sum((-1, -2)).clamp(min=1e-9)
    flat = (expected.square().sum() / across).sqrt()
    steps = torch.linspace(_NEAREST, _FARTHEST, tried, device=rays.device)
    best = bone_errors(rays, depth, flat[:, None] * steps).argmin(1)
    return flat * steps[best]

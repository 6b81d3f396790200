"""What a backbone gives the latent head."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from hand_pose_25d.skeleton import NUM_KEYPOINTS

NUM_MAPS = 4 * NUM_KEYPOINTS
"""H*, D*, and the log scales of the errors of (u, v) and of z."""


class Features(NamedTuple):
    """The maps of every stage, two logits, and an initial regression where there is one."""

    maps: list[Tensor]
    """Per stage (B, NUM_MAPS, h, w)."""
    presence: Tensor
    """(B,) logit: the crop shows a hand."""
    handedness: Tensor
    """(B,) logit: the crop shows a right hand."""
    initial_uv: Tensor | None = None
    """(B, 21, 2) the initial regression in pixels of the crop."""
    initial_depth: Tensor | None = None
    """(B, 21) its depths, over the reference bone's length."""

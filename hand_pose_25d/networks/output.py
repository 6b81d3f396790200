"""What every pose network answers, whatever its formulation."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

CONFIDENCE_RADIUS = 0.04
"""A keypoint counts as found within this fraction of the crop's side (5 of 128 pixels)."""


class PoseOutput(NamedTuple):
    """The 2.5D pose of each crop with its uncertainty; a tuple of tensors, so that it exports.

    Pixels are those of the network's input crop, (u, v), centres at whole numbers.
    """

    uv: Tensor
    """(B, 21, 2) keypoints, pixels."""
    depth: Tensor
    """(B, 21) root-relative depths over the reference bone's length (the paper's Eq. 2)."""
    uv_covariance: Tensor
    """(B, 21, 2, 2) square pixels."""
    depth_variance: Tensor
    """(B, 21)"""
    confidence: Tensor
    """(B, 21) in [0, 1]: the chance that a keypoint lies within 4 % of the crop's side."""
    presence: Tensor
    """(B,) logit: does the crop show a hand."""
    right: Tensor
    """(B,) logit: does the crop show a right hand."""


def confidence(uv_covariance: Tensor, size: int) -> Tensor:
    """(B, 21, 2, 2) -> (B, 21): a Gaussian's mass within CONFIDENCE_RADIUS of its centre.

    Exact for a round Gaussian; for others its mean variance is taken.
    """
    # Not `diagonal`: ONNX has no such operation, and two dozen others stand for it.
    variance = (uv_covariance[..., 0, 0] + uv_covariance[..., 1, 1]) / 2
    radius = CONFIDENCE_RADIUS * size
    return 1 - (-(radius**2) / (2 * variance)).exp()

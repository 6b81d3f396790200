"""Direct 2.5D heatmaps: Iqbal et al., ECCV 2018, Section 4.1, Eq. 10-13.

The network is trained to draw, per keypoint k, a Gaussian and the same Gaussian times its depth:

    H_k(p) = exp(-|p - p_k|^2 / sigma^2)                (10)
    D_k(p) = z_k H_k(p)                                 (11)
    p_k = argmax_p H_k(p)                               (12)
    z_k = D_k(p_k)                                      (13)

The maximum is a cell's centre: there is nothing below a cell, as in the paper.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from hand_pose_25d.networks.features import Features
from hand_pose_25d.networks.latent import cell_centers
from hand_pose_25d.networks.output import PoseOutput, confidence
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.networks.encoder_decoder import StackedEncoderDecoder
from hand_pose_25d_train.networks.residuals import ResidualVariance

SIGMA = 5.0
"""Pixels of the crop, Eq. 10."""


class DirectOutput(NamedTuple):
    """What the loss works on."""

    heatmaps: list[Tensor]
    """Per stage (B, 21, h, w): H of Eq. 10."""
    depth_maps: list[Tensor]
    """Per stage (B, 21, h, w): D of Eq. 11."""
    features: Features


class DirectNetwork(nn.Module):
    """A backbone whose maps are read as Gaussians and depths."""

    formulation = "direct"

    def __init__(self, backbone: nn.Module, input_size: int, sigma: float = SIGMA) -> None:
        super().__init__()
        self.backbone = backbone
        self.input_size = input_size
        self.sigma = sigma
        self.residuals = ResidualVariance()

    def raw(self, images: Tensor) -> DirectOutput:
        """(B, 3, S, S) RGB in [0, 1] -> the maps of every stage."""
        features = self.backbone(images)
        return DirectOutput(
            [maps[:, :NUM_KEYPOINTS].float() for maps in features.maps],
            [maps[:, NUM_KEYPOINTS : 2 * NUM_KEYPOINTS].float() for maps in features.maps],
            features,
        )

    def forward(self, images: Tensor) -> PoseOutput:
        """(B, 3, S, S) RGB in [0, 1] -> the last stage's pose, Eq. 12 and 13."""
        output = self.raw(images)
        uv, depth = decode_heatmaps(output.heatmaps[-1], output.depth_maps[-1], self.input_size)
        covariance, variance = self.residuals.covariances(len(images), self.input_size)
        return PoseOutput(
            uv,
            depth,
            covariance,
            variance,
            confidence(covariance, self.input_size),
            output.features.presence.float(),
            output.features.handedness.float(),
        )

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """Return {"heatmaps", "depth_maps"}, (B, 21, h, w) each."""
        output = self.raw(images)
        return {"heatmaps": output.heatmaps[-1], "depth_maps": output.depth_maps[-1]}


def encode_heatmaps(
    uv: Tensor, depth: Tensor, height: int, width: int, size: int, sigma: float = SIGMA
) -> tuple[Tensor, Tensor]:
    """Draw the maps of Eq. 10 and 11: (B, 21, 2) px and (B, 21) -> twice (B, 21, h, w).

    `size` is the crop's side, whose pixels `uv` and `sigma` are in.
    """
    cells = cell_centers(height, width, size, uv)
    square = (uv.unsqueeze(2) - cells).square().sum(-1)
    heatmaps = (-square / sigma**2).exp().view(*depth.shape, height, width)
    return heatmaps, heatmaps * depth[..., None, None]


def decode_heatmaps(heatmaps: Tensor, depth_maps: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Eq. 12 and 13: (B, 21, h, w) maps -> (B, 21, 2) px and (B, 21) depths about the wrist's."""
    height, width = heatmaps.shape[-2:]
    best = heatmaps.flatten(2).argmax(-1)
    uv = cell_centers(height, width, size, heatmaps)[best]
    depth = depth_maps.flatten(2).gather(-1, best.unsqueeze(-1)).squeeze(-1)
    return uv, depth - depth[:, :1]


def build(config: dict[str, Any]) -> DirectNetwork:
    """Make a network from {"input_size", "sigma", "stages", "width", "levels"}.

    Raises ValueError for an unknown key.
    """
    options = {k: v for k, v in config.items() if k not in ("formulation", "name", "backbone")}
    if config.get("backbone", "encoder_decoder") != "encoder_decoder":
        raise ValueError(f"backbone {config['backbone']!r}: direct allows encoder_decoder only")
    size, sigma = int(options.pop("input_size", 128)), float(options.pop("sigma", SIGMA))
    try:
        backbone = StackedEncoderDecoder(**options)
    except TypeError as error:
        raise ValueError(f"network configuration {config}: {error}") from error
    return DirectNetwork(backbone, size, sigma)

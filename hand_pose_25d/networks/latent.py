"""Latent 2.5D heatmaps: Iqbal et al., ECCV 2018, Section 4.2, Eq. 14-16, on any backbone.

Per keypoint k the network gives a map H* and a depth map D*, both without supervision of their
own.  With a learned spread beta_k

    H_k(p) = softmax_p(beta_k H*_k(p))                  (14)
    (u, v)_k = sum_p H_k(p) p                           (15)
    z_k = sum_p H_k(p) D*_k(p)                          (16)

Two more maps of the same kind tell how far off (u, v) and z are likely to be; they are pooled as
the depths are, and scale the covariance of H itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hand_pose_25d.networks.features import Features
from hand_pose_25d.networks.handedness import HandednessOfPose
from hand_pose_25d.networks.output import PoseOutput, confidence
from hand_pose_25d.networks.pyramid import MBConvPyramid
from hand_pose_25d.skeleton import NUM_KEYPOINTS

_MIN_VARIANCE = 0.1
"""Square cells added to the heatmap's covariance: a heatmap of one cell is not exact."""
_MIN_BETA = 1e-3


class Stage(NamedTuple):
    """The 2.5D pose of one stage, before calibration."""

    uv: Tensor
    """(B, 21, 2) pixels of the crop."""
    depth: Tensor
    """(B, 21)"""
    covariance: Tensor
    """(B, 21, 2, 2) square pixels: the heatmap's own, scaled by the network."""
    log_depth_scale: Tensor
    """(B, 21) log of the standard deviation of the depth."""
    heatmaps: Tensor
    """(B, 21, h, w), each sums to 1."""
    depth_maps: Tensor
    """(B, 21, h, w)"""


def cell_centers(height: int, width: int, size: int, like: Tensor) -> Tensor:
    """(h w, 2): centres (u, v) of the heatmap's cells, in pixels of a `size` x `size` crop."""
    v = (torch.arange(height, dtype=torch.float32, device=like.device) + 0.5) * (size / height)
    u = (torch.arange(width, dtype=torch.float32, device=like.device) + 0.5) * (size / width)
    vv, uu = v[:, None].expand(height, width), u[None, :].expand(height, width)
    return torch.stack((uu, vv), dim=-1).reshape(-1, 2) - 0.5


class LatentNetwork(nn.Module):
    """A backbone and Eq. 14-16 on its maps.

    `backbone(images)` gives `Features`.  Where these have an initial regression g_k, the logits
    are beta_k H*_k(p) - |p - g_k|^2 / (2 sigma_k^2) with a learned sigma_k: the maps then only
    correct it.
    """

    formulation = "latent"

    def __init__(
        self,
        backbone: nn.Module,
        input_size: int,
        stages: int = 1,
        learned_spread: bool = True,
        initial_sigma: float = 0.05,
        handedness_of_pose: bool = False,
    ) -> None:
        """`initial_sigma`: the starting sigma_k, as a fraction of the crop's side;
        `handedness_of_pose`: add the logit that the pose gives to that of the features."""
        super().__init__()
        self.backbone = backbone
        self.input_size = input_size
        self.stages = stages
        self.log_beta = nn.Parameter(torch.zeros(stages, NUM_KEYPOINTS), learned_spread)
        self.log_sigma = nn.Parameter(
            torch.full((stages, NUM_KEYPOINTS), initial_sigma).log(), learned_spread
        )
        # Parameters' names are those in the files of weights.
        self.side = HandednessOfPose() if handedness_of_pose else None
        # Found on held-out data after training; 1 until then.
        self.uv_calibration: Tensor
        self.depth_calibration: Tensor
        self.register_buffer("uv_calibration", torch.ones(NUM_KEYPOINTS))
        self.register_buffer("depth_calibration", torch.ones(NUM_KEYPOINTS))

    def pool(self, maps: Tensor, features: Features, stage: int) -> Stage:
        """Eq. 14-16: (B, NUM_MAPS, h, w) -> the stage's pose."""
        # In float32 whatever the precision of the convolutions: positions need its digits, and
        # autocast would turn the matrix products below into half precision again.
        with torch.autocast(maps.device.type, enabled=False):
            return self._pool(maps.float(), features, stage)

    def _pool(self, maps: Tensor, features: Features, stage: int) -> Stage:
        # Plain numbers: what depends on shapes would run in exported graphs each time.
        height, width = (int(n) for n in maps.shape[-2:])
        maps = maps.view(-1, 4, NUM_KEYPOINTS, height * width)
        beta = self.log_beta[stage].exp().clamp(min=_MIN_BETA)
        logits = beta[:, None] * maps[:, 0]
        cells = cell_centers(height, width, self.input_size, maps)
        guided = features.initial_uv is not None and features.initial_depth is not None
        if guided:
            assert features.initial_uv is not None
            initial = features.initial_uv.float()
            # The expanded square, as one matrix product, is what exported runtimes do fastest.
            square = (cells * cells).sum(-1) - 2 * (initial @ cells.T)
            square = square + (initial * initial).sum(-1, keepdim=True)
            sigma = self.log_sigma[stage].exp() * self.input_size
            logits = logits - square / (2 * sigma * sigma)[:, None]
        heat = F.softmax(logits, dim=-1)
        depth, log_uv_scale, log_depth_scale = (heat[:, None] * maps[:, 1:]).sum(-1).unbind(1)
        depth_maps = maps[:, 1]
        if guided:
            assert features.initial_depth is not None
            depth = depth + features.initial_depth.float()
            depth_maps = depth_maps + features.initial_depth.float()[..., None]
        moments = heat @ torch.cat((cells, cells * cells, cells[:, :1] * cells[:, 1:]), dim=-1)
        uv = moments[..., :2]
        floor = _MIN_VARIANCE * (self.input_size / height) ** 2
        spread = (moments[..., 2:4] - uv * uv).clamp(min=0) + floor
        cross = moments[..., 4:] - uv[..., :1] * uv[..., 1:]
        covariance = torch.cat((spread[..., :1], cross, cross, spread[..., 1:]), -1)
        covariance = covariance * (2 * log_uv_scale.clamp(-6, 6)).exp()[..., None]
        return Stage(
            uv,
            depth - depth[:, :1],
            covariance.view(-1, NUM_KEYPOINTS, 2, 2),
            log_depth_scale.clamp(-8, 4),
            heat.view(-1, NUM_KEYPOINTS, height, width),
            depth_maps.view(-1, NUM_KEYPOINTS, height, width),
        )

    def run_stages(self, images: Tensor) -> tuple[list[Stage], Features]:
        """(B, 3, S, S) RGB in [0, 1] -> every stage's pose, the last one last: for the losses."""
        features = self.backbone(images)
        poses = [self.pool(maps, features, index) for index, maps in enumerate(features.maps)]
        return poses, features._replace(handedness=self._handedness(features, poses[-1]))

    def _handedness(self, features: Features, pose: Stage) -> Tensor:
        logit = features.handedness.float()
        return logit if self.side is None else logit + self.side(pose.uv, pose.depth)

    def forward(self, images: Tensor) -> PoseOutput:
        """(B, 3, S, S) RGB in [0, 1] -> the last stage's pose with calibrated covariances."""
        features = self.backbone(images)
        last = self.pool(features.maps[-1], features, len(features.maps) - 1)
        covariance = last.covariance * self.uv_calibration[:, None, None]
        variance = (2 * last.log_depth_scale).exp() * self.depth_calibration
        return PoseOutput(
            last.uv,
            last.depth,
            covariance,
            variance,
            confidence(covariance, self.input_size),
            features.presence.float(),
            self._handedness(features, last),
        )

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """Return {"heatmaps", "depth_maps"}, (B, 21, h, w) each: the paper's Fig. 2."""
        poses, _ = self.run_stages(images)
        return {"heatmaps": poses[-1].heatmaps, "depth_maps": poses[-1].depth_maps}


Backbones = Mapping[str, Callable[..., nn.Module]]
"""Makers of backbones by name: called with input_size, stages and a configuration's other keys."""

BACKBONES: Backbones = {"mbconv": MBConvPyramid}
"""The library's own."""

HEAD_OPTIONS = {
    "learned_spread": "learned_spread",
    "guide_sigma": "initial_sigma",
    "pose_side": "handedness_of_pose",
}
"""Keys of a configuration, as files of weights have them, that are `LatentNetwork`'s arguments."""


def build(config: dict[str, Any], backbones: Backbones = BACKBONES) -> LatentNetwork:
    """Make a network from its configuration, e.g. {"backbone": "mbconv", "input_size": 224}.

    Raises ValueError for an unknown backbone or key.
    """
    options = {k: v for k, v in config.items() if k not in ("formulation", "name")}
    name = options.pop("backbone", "mbconv")
    size = int(options.pop("input_size", 224))
    stages = int(options.pop("stages", 1))
    head = {HEAD_OPTIONS[key]: options.pop(key) for key in HEAD_OPTIONS if key in options}
    if name not in backbones:
        raise ValueError(f"backbone {name!r}: allowed are {', '.join(backbones)}")
    try:
        backbone = backbones[name](input_size=size, stages=stages, **options)
    except TypeError as error:
        raise ValueError(f"network configuration {config}: {error}") from error
    return LatentNetwork(backbone, size, stages, **head)

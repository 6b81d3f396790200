"""All formulations: the library's and those that only the paper's comparison needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hand_pose_25d.networks import latent, weights
from hand_pose_25d_train.networks import direct, holistic
from hand_pose_25d_train.networks.encoder_decoder import StackedEncoderDecoder


def encoder_decoder(input_size: int = 128, **options: Any) -> StackedEncoderDecoder:
    """Make the paper's backbone, which takes images of any size."""
    return StackedEncoderDecoder(**options)


_BACKBONES: latent.Backbones = {**latent.BACKBONES, "encoder_decoder": encoder_decoder}

ALL_FORMULATIONS: weights.Formulations = {
    **weights.FORMULATIONS,
    "latent": partial(latent.build, backbones=_BACKBONES),
    "direct": direct.build,
    "holistic": holistic.build,
}


def build_any(config: dict[str, Any]) -> nn.Module:
    """`hand_pose_25d.networks.weights.build_network` with all formulations."""
    return weights.build_network(config, ALL_FORMULATIONS)


def load_any(name_or_path: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """`hand_pose_25d.networks.weights.load_network` with all formulations."""
    return weights.load_network(name_or_path, device, ALL_FORMULATIONS)

"""Small untrained networks whose every output says something, and noise to show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from hand_pose_25d.networks.weights import build_network, save_network

CONFIGS = {
    "pose network": {
        "formulation": "latent", "backbone": "mbconv", "input_size": 64, "width": 16
    },
    "detector": {"formulation": "detector", "sizes": [64], "branch_width": 8},
}  # fmt: skip


def make_network(kind: str = "pose network") -> nn.Module:
    """Return a network of random weights that float16 holds: heads start at zero."""
    torch.manual_seed(3)
    network = build_network(CONFIGS[kind]).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
            parameter.copy_(parameter.half())
    return network


def save_small(kind: str, folder: Path) -> Path:
    """Write such a network's weights; return the file."""
    path = folder / f"{kind.split()[0]}.safetensors"
    save_network(make_network(kind), CONFIGS[kind], path)
    return path


def noise(n: int, height: int = 64, width: int = 64) -> np.ndarray:
    """Return (n, height, width, 3) uint8."""
    return np.random.default_rng(n).integers(0, 256, (n, height, width, 3), dtype=np.uint8)

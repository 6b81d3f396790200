"""Weights on disk: safetensors whose metadata holds the network's configuration as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hand_pose_25d.io.bounded import parse_json
from hand_pose_25d.networks import detector_net, latent
from hand_pose_25d.networks.config_limits import check_config
from hand_pose_25d.networks.files import SEAL, UNSEALED, check_seal, sealed, weights_path

Formulations = Mapping[str, Callable[[dict[str, Any]], nn.Module]]
"""Makers of networks from their configuration, by the name of their formulation."""

FORMULATIONS: Formulations = {"latent": latent.build, "detector": detector_net.build}
"""The library's own: what inference needs."""


def build_network(config: dict[str, Any], formulations: Formulations = FORMULATIONS) -> nn.Module:
    """Make an untrained network from its configuration; config["formulation"] says which.

    `formulations`: those that are known.  Raises ValueError for an unknown formulation, and for
    numbers that make a network too large.
    """
    check_config(config)
    formulation = str(config.get("formulation", ""))
    if formulation not in formulations:
        raise ValueError(f"formulation {formulation!r}: allowed are {', '.join(formulations)}")
    return formulations[formulation](config)


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration in the file's metadata.

    Raises ValueError where the file is no safetensors file or carries no configuration.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    try:
        config = parse_json(metadata["config"], path)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} holds no network configuration (metadata 'config')") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: metadata 'config' must be an object, is {config!r}")
    return config


def load_network(
    name_or_path: str | Path,
    device: str | torch.device = "cpu",
    formulations: Formulations = FORMULATIONS,
) -> nn.Module:
    """Load a network in float32, in evaluation mode, on the device.

    `name_or_path`: a shipped network's name ("realtime", "detector") or a .safetensors file;
    `formulations`: those that are known.  Raises FileNotFoundError, or ValueError where file and
    configuration do not fit.
    """
    from safetensors.torch import load_file

    path = weights_path(name_or_path)
    check_seal(path)
    config = read_config(path)
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    try:
        with torch.device("meta"):  # a network without memory, to compare before there is one
            planned = build_network(config, formulations)
        _check_shapes(planned, tensors)
        network = build_network(config, formulations)
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit its own configuration: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return network.to(device).eval()


def _check_shapes(planned: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError where the tensors of a file are not those of its network."""
    wanted = {name: tuple(tensor.shape) for name, tensor in planned.state_dict().items()}
    there = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    other = sorted(wanted.items() ^ there.items())
    if other:
        name = other[0][0]
        raise ValueError(
            f"does not fit its own configuration: {name} has the shape {there.get(name)}, "
            f"the configuration's {wanted.get(name)} (None: there is none); {len(other)} differ"
        )


def save_network(
    network: nn.Module,
    config: dict[str, Any],
    path: Path,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a network's weights and configuration; floating-point tensors are stored as `dtype`.

    Raises ValueError where a weight is not finite in that type.
    """
    from safetensors.torch import save

    tensors = {}
    for name, tensor in network.state_dict().items():
        stored = tensor.detach().cpu()
        if stored.is_floating_point():
            stored = stored.to(dtype)
            if not torch.isfinite(stored).all():
                raise ValueError(f"{name} is not finite as {dtype}")
        tensors[name] = stored.contiguous()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    metadata = {"config": json.dumps(config, sort_keys=True), SEAL: UNSEALED}
    partial.write_bytes(sealed(save(tensors, metadata)))
    partial.replace(path)

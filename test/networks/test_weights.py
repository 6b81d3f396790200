"""networks/weights.py: what is written comes back; what is not ours is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hand_pose_25d.networks.files import shipped_weights
from hand_pose_25d.networks.weights import (
    build_network,
    load_network,
    read_config,
    save_network,
)

CONFIG = {
    "formulation": "latent",
    "backbone": "mbconv",
    "width": 8,
    "expansions": [8] * 14,
    "last_width": 8,
    "input_size": 32,
}


def test_round_trip_keeps_the_answer(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = build_network(CONFIG).eval()
    path = tmp_path / "net.safetensors"
    save_network(net, CONFIG, path)
    again = load_network(path)
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(again(image).uv, net(image).uv, atol=0.05)
    assert read_config(path) == CONFIG
    assert next(again.parameters()).dtype == torch.float32


def test_shipped_networks_load() -> None:
    assert {"realtime", "detector"} <= set(shipped_weights())
    net = load_network("realtime")
    assert net.input_size == 224


def test_half_precision_must_hold_the_weights(tmp_path: Path) -> None:
    net = build_network(CONFIG)
    with torch.no_grad():
        next(net.parameters()).fill_(1e6)
    with pytest.raises(ValueError, match="not finite"):
        save_network(net, CONFIG, tmp_path / "net.safetensors")


def _text(path: Path) -> None:
    path.write_text("not weights")


def _no_config(path: Path) -> None:
    save_file({"a": torch.zeros(1)}, path)


def _unknown(path: Path) -> None:
    save_file({"a": torch.zeros(1)}, path, metadata={"config": json.dumps({"formulation": "x"})})


def _other_tensors(path: Path) -> None:
    save_file({"a": torch.zeros(1)}, path, metadata={"config": json.dumps(CONFIG)})


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (_text, "not a safetensors file"),
        (_no_config, "no network configuration"),
        (_unknown, "allowed are latent"),
        (_other_tensors, "does not fit"),
    ],
)
def test_bad_files(tmp_path: Path, write, message: str) -> None:
    path = tmp_path / "bad.safetensors"
    write(path)
    with pytest.raises(ValueError, match=message):
        load_network(path)


def test_missing_file_names_the_shipped_ones() -> None:
    with pytest.raises(FileNotFoundError, match="realtime"):
        load_network("no-such-network")

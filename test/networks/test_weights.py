"""networks/weights.py: what is written comes back; what is not ours is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hand_pose_25d.networks.files import WEIGHTS_FOLDER, check_seal, sealed, shipped_weights
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
    assert shipped_weights() == ["accurate", "detector", "realtime"]
    sides = {name: load_network(name).input_size for name in ("accurate", "realtime")}
    assert sides == {"accurate": 224, "realtime": 192}


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


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CONFIG | {"width": 10**9}, "width lies between"),
        (CONFIG | {"input_size": 10**9}, "input_size lies between 8 and 2048"),
        (CONFIG | {"input_size": 32.5}, "input_size must be a whole number"),
        (CONFIG | {"stages": 10**6}, "stages lies between 1 and 16"),
        (CONFIG | {"expansions": [8] * 1000}, "expansions has 1000 values"),
        (CONFIG | {"expansions": [[8]]}, "lists or mappings"),
        (CONFIG | {"backbone": "x" * 1000}, "more than 64 characters"),
        (CONFIG | {"width": float("nan")}, "width lies between"),
        (CONFIG | {str(i): 1 for i in range(100)}, "keys"),
        ({"formulation": "detector", "sizes": [10**9]}, "sizes lies between 32 and 8192"),
        ({"formulation": "detector", "branch_width": 10**9}, "branch_width lies between"),
        (CONFIG | {"width": 16_000, "expansions": [16_000] * 14}, "does not fit"),
    ],
)
def test_a_configuration_makes_no_giant(tmp_path: Path, config: dict, message: str) -> None:
    """None of these is made before it is compared: the last one would take some 40 GB."""
    path = tmp_path / "giant.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"config": json.dumps(config)})
    with pytest.raises(ValueError, match=f"giant.safetensors.*{message}"):
        load_network(path)


def test_flipped_bytes_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_network(build_network(CONFIG), CONFIG, path)
    good = path.read_bytes()
    check_seal(path, required=True)
    for at in (20, len(good) // 2, len(good) - 1):
        data = bytearray(good)
        data[at] ^= 0x10
        path.write_bytes(data)
        with pytest.raises(ValueError, match="damaged|not a safetensors|no network config"):
            load_network(path)
    path.write_bytes(good[:-1])
    with pytest.raises(ValueError, match="damaged"):
        load_network(path)


def test_a_file_of_ones_own_needs_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    tensors = {k: v.contiguous() for k, v in build_network(CONFIG).state_dict().items()}
    save_file(tensors, path, metadata={"config": json.dumps(CONFIG)})
    assert load_network(path).input_size == 32
    check_seal(path)
    with pytest.raises(ValueError, match="lost its metadata"):
        check_seal(path, required=True)


@pytest.mark.parametrize("path", sorted(WEIGHTS_FOLDER.glob("*.[os][na][nf]*")), ids=str)
def test_shipped_files_are_whole(path: Path) -> None:
    check_seal(path, required=True)


def test_a_seal_is_the_digest_of_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(sealed(b'begin {"file_sha256": "' + b"0" * 64 + b'"} end'))
    check_seal(path, required=True)
    path.write_bytes(path.read_bytes().replace(b"end", b"And"))
    with pytest.raises(ValueError, match="damaged"):
        check_seal(path)

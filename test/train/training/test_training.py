"""training/{loop,trainer,config,command,sheet,masks}.py: it learns, resumes, and complains."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import yaml
from torch import nn
from training_data import write_photos, write_shards

from hand_pose_25d.cli import main
from hand_pose_25d.networks.weights import read_config, save_network
from hand_pose_25d_train.labelling.masks import hand_mask
from hand_pose_25d_train.networks.formulations import build_any, load_any
from hand_pose_25d_train.training import loop
from hand_pose_25d_train.training.config import CONFIG_FOLDER, load_config
from hand_pose_25d_train.training.loop import fit_network, make_optimizer
from hand_pose_25d_train.training.loop_config import LoopConfig
from hand_pose_25d_train.training.pose.trainer import make_network

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIG = """
network: {formulation: latent, backbone: encoder_decoder, width: 8, levels: 3, input_size: 32}
data: {batch_size: 4}
loop: {steps: 6, learning_rate: 0.003, warmup_steps: 1, snapshot_every: 3, checkpoint_every: 2}
"""


def batches(start: int):
    for step in range(start, 10_000):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 3, generator=generator)
        yield {"x": x, "y": x @ torch.tensor([[1.0], [-2.0], [0.5]])}


def loss(model: nn.Module, batch: dict, step: int) -> dict[str, torch.Tensor]:
    return {"loss": (model(batch["x"]) - batch["y"]).square().mean()}


def settings(out: Path, steps: int = 120, **changes) -> LoopConfig:
    base = {"learning_rate": 0.1, "warmup_steps": 5, "ema_decay": 0.9, "weight_decay": 0.0}
    changes = {**base, "checkpoint_every": 20, **changes}
    return LoopConfig(out, steps, device="cpu", **changes)


class Stop(Exception):
    """A kill."""


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
def test_it_learns(tmp_path: Path, optimizer: str, schedule: str) -> None:
    torch.manual_seed(0)
    config = settings(tmp_path, optimizer=optimizer, schedule=schedule, milestones=[100])
    model = fit_network(nn.Linear(3, 1), loss, batches, config)
    assert model.weight.detach().numpy()[0] == pytest.approx([1, -2, 0.5], abs=0.05)
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    def killed(model: nn.Module, batch: dict, step: int) -> dict[str, torch.Tensor]:
        if step == 47:
            raise Stop
        return loss(model, batch, step)

    results = []
    for name in ("whole", "killed"):
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        config = settings(tmp_path / name, steps=60)
        if name == "killed":
            with pytest.raises(Stop):
                fit_network(model, killed, batches, config)
            model = nn.Linear(3, 1)  # whatever it starts from, the checkpoint counts
        results.append(fit_network(model, loss, batches, config).weight.detach())
    assert torch.equal(*results)


def test_schedules() -> None:
    config = LoopConfig(Path("x"), 100, learning_rate=1.0, warmup_steps=10)
    rates = [config.rate(step) for step in (0, 9, 10, 55, 99)]
    assert rates == pytest.approx([0.1, 1.0, 1.0, 0.505, 0.01], abs=2e-3)
    steps = LoopConfig(
        Path("x"), 100, learning_rate=1.0, warmup_steps=0, schedule="step", milestones=[10, 20]
    )
    assert [steps.rate(s) for s in (9, 10, 20)] == pytest.approx([1, 0.1, 0.01])


def test_slow_groups_and_no_decay_for_biases() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    config = settings(Path("x"), slow=["0."], weight_decay=0.01)
    groups = make_optimizer(model, config).param_groups
    found = sorted((g["factor"], g["weight_decay"], len(g["params"])) for g in groups)
    assert found == [(0.1, 0.0, 1), (0.1, 0.01, 1), (1.0, 0.0, 1), (1.0, 0.01, 1)]


def test_an_infinite_loss_stops_with_the_step(tmp_path: Path) -> None:
    def broken(model: nn.Module, batch: dict, step: int) -> dict[str, torch.Tensor]:
        return {"loss": model(batch["x"]).mean() * float("nan")}

    with pytest.raises(FloatingPointError, match="step 0"):
        fit_network(nn.Linear(3, 1), broken, batches, settings(tmp_path))


def test_the_clock_ends_a_training_and_lowers_the_rate(tmp_path: Path, monkeypatch) -> None:
    config = settings(tmp_path, steps=1_000_000, minutes=0.02, learning_rate=1.0)
    assert config.rate(5, 0.0) == pytest.approx(1.0, abs=1e-4)
    assert config.rate(5, 0.6) == pytest.approx(0.505, abs=1e-3)
    assert config.rate(5, 1.2) == pytest.approx(0.01)
    seconds = itertools.count(0.0, 0.01)  # a clock that goes on when it is looked at
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    fit_network(nn.Linear(3, 1), loss, batches, config)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert 5 < state["step"] < 120
    assert 1.2 <= state["seconds"] < 1.3
    model = fit_network(
        nn.Linear(3, 1), loss, batches, config
    )  # its time is over: nothing is left to do
    again = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert again["step"] == state["step"]
    assert torch.equal(model.weight, state["average"]["weight"])


def test_processes_do_not_train_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="minutes: processes that train together"):
        fit_network(nn.Linear(3, 1), loss, batches, settings(tmp_path, minutes=1.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"minutes": 0.0}, "minutes must be above 0"),
        ({"optimizer": "lion"}, "allowed are adamw, sgd"),
        ({"schedule": "poly"}, "allowed are cosine"),
        ({"precision": "int8"}, "allowed are auto"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_bad_settings_are_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoopConfig(Path("x"), **{"steps": 1, **change})


def data(tmp_path: Path) -> list[str]:
    write_shards(tmp_path / "renders", 8)
    write_photos(tmp_path / "photos", tmp_path / "labels.npz", 20)
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    photos = f"{tmp_path / 'photos'}={tmp_path / 'labels.npz'}"
    return [
        "train", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "run"), "--workers", "0",
        "--renders", str(tmp_path / "renders"), "--photos", photos, "--device", "cpu",
    ]  # fmt: skip


def test_the_command_trains_resumes_and_draws(tmp_path: Path) -> None:
    command = data(tmp_path)
    assert main(command) == 0
    run = tmp_path / "run"
    assert (run / "weights.safetensors").is_file()
    assert read_config(run / "weights.safetensors")["width"] == 8
    assert cv2.imread(str(run / "sheet-0000006.jpg")).shape[1] > 100
    before = (run / "weights.safetensors").stat().st_mtime_ns
    assert main([*command, "--steps", "8"]) == 0  # goes on from step 6
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert state["step"] == 8
    assert (run / "weights.safetensors").stat().st_mtime_ns > before
    out = load_any(run / "weights.safetensors")(torch.rand(1, 3, 32, 32))
    assert torch.isfinite(out.uv).all()


def test_another_start_is_taken(tmp_path: Path) -> None:
    tiny = yaml.safe_load(CONFIG)["network"]
    network = build_any(tiny)
    torch.nn.init.constant_(network.backbone.right.bias, 7.0)
    start = tmp_path / "start.safetensors"
    save_network(network, tiny, start)
    assert main([*data(tmp_path), "--steps", "1", "--start", str(start)]) == 0
    trained = load_any(tmp_path / "run" / "weights.safetensors")
    assert trained.backbone.right.bias.item() == pytest.approx(7.0, abs=0.1)


def test_a_start_that_is_larger_than_the_network_is_refused(tmp_path: Path) -> None:
    wide = {**yaml.safe_load(CONFIG)["network"], "stages": 2}
    start = tmp_path / "start.safetensors"
    save_network(build_any(wide), wide, start)
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    config = load_config(str(tmp_path / "tiny.yaml"))
    with pytest.raises(ValueError, match="tensors that the configured network has not"):
        make_network(replace(config, start=str(start)))


@pytest.mark.long
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """As on two GPUs, with torchrun; here on the CPU."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    module = ["--master-port=0", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "-m"]
    done = subprocess.run(
        [*torchrun, *module, "hand_pose_25d.cli", *data(tmp_path), "--threads", "1"],
        capture_output=True, text=True, timeout=1800, cwd=REPOSITORY,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 6
    assert done.stdout.count("weights written") == 1


def test_one_seed_one_result(tmp_path: Path) -> None:
    command = data(tmp_path)
    main(command)
    main([*command, "--out", str(tmp_path / "again")])
    first, second = (
        load_any(tmp_path / name / "weights.safetensors").state_dict() for name in ("run", "again")
    )
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", sorted(p.stem for p in CONFIG_FOLDER.glob("*.yaml")))
def test_shipped_configurations_are_valid(name: str) -> None:
    config = load_config(name)
    assert config.loop_config(Path("out")).steps > 0
    assert config.network["formulation"] in ("latent", "direct", "holistic")


def test_the_shipped_network_is_what_a_training_may_start_from(tmp_path: Path) -> None:
    path = tmp_path / "on.yaml"
    path.write_text(
        "network: {formulation: latent, pose_side: true}\nstart: realtime\nloop: {steps: 1}"
    )
    started = make_network(load_config(str(path))).state_dict()
    shipped = load_any("realtime").state_dict()
    assert started.keys() == shipped.keys()
    assert all(torch.equal(started[key], value) for key, value in shipped.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loop: {}", "needs a mapping"),
        ("- network", "expected keys and values, got list"),
        ("network: {", "bad.yaml: not a YAML file"),
        ("network: {}\nwings: 2", "unknown wings"),
        ("network: {}\ndata: {batchsize: 3}", "unknown batchsize"),
        ("network: {}\ndata: {jitter: {angel: 1}}", "unknown angel"),
        ("base: latent\nnetwork: {}", "unknown base"),
        ("network: {}\nloop: {steps: 1, stepps: 3}", "unknown stepps"),
        ("network: {}\nloop: {steps: 1.5}", "loop.steps: must be int, is 1.5"),
    ],
)
def test_bad_configurations_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_config(str(path))


def test_an_unknown_configuration_lists_the_shipped_ones() -> None:
    with pytest.raises(FileNotFoundError, match="direct, holistic, latent, latent2"):
        load_config("no-such")


def test_masks_cover_the_hand_and_not_the_background() -> None:
    rng = np.random.default_rng(0)
    uv = np.array([[50, 95]] + [[20 + 15 * f, 70 - 15 * j] for f in range(5) for j in range(4)])
    uv = uv[:21].astype(float)
    image = rng.normal(200, 4, (110, 110, 3))
    true = np.zeros((110, 110), np.uint8)
    for f in range(5):
        cv2.line(true, (50, 95), (20 + 15 * f, 70), 1, 12)
        cv2.line(true, (20 + 15 * f, 70), (20 + 15 * f, 25), 1, 9)
    image[true > 0] = rng.normal((180, 120, 90), 6, (int(true.sum()), 3))
    mask = hand_mask(image.clip(0, 255).astype(np.uint8), uv)
    assert mask is not None
    found = mask > 0.5
    union = (found | (true > 0)).sum()
    assert (found & (true > 0)).sum() / union > 0.85

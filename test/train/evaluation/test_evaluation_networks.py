"""evaluation/{network,crops,photos,ablation}.py and calibrate_network.py on small data."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hands_2d import OPEN_HAND, fist
from small_networks import save_small
from torch import nn
from training_data import hand, write_photos, write_shards

from hand_pose_25d.cli import main
from hand_pose_25d.inference.export import export_network
from hand_pose_25d.networks.output import PoseOutput, confidence
from hand_pose_25d.networks.weights import save_network
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.datasets.bone_proportions import PROPORTIONS
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.evaluation.project.bones import fitted_lengths, scatter
from hand_pose_25d_train.evaluation.project.crops import collect, report, root_relative
from hand_pose_25d_train.evaluation.project.kinematic_hand import pose_hands
from hand_pose_25d_train.evaluation.project.network import extended_fingers, predict
from hand_pose_25d_train.evaluation.project.photos import ASL_DIGITS
from hand_pose_25d_train.networks.formulations import build_any
from hand_pose_25d_train.training.ablation import BASE, VARIANTS, configuration
from hand_pose_25d_train.training.config import load_config
from hand_pose_25d_train.training.pose.covariance_calibration import (
    calibrate_covariance,
    calibrate_handedness,
    factors,
    logistic,
)

TINY = {
    "formulation": "latent",
    "backbone": "encoder_decoder",
    "width": 8,
    "levels": 2,
    "input_size": 32,
}


class Oracle(nn.Module):
    """Answers with the truth plus seeded noise, in the order in which crops come."""

    input_size = 64

    def __init__(self, uv: np.ndarray, depth: np.ndarray, sigma: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.uv = torch.from_numpy(uv).float()
        self.uv = self.uv + sigma * torch.randn(self.uv.shape, generator=generator)
        self.depth = torch.from_numpy(depth).float()
        self.sigma = max(sigma, 1e-3)
        self.at = 0

    def forward(self, images: torch.Tensor) -> PoseOutput:
        n = len(images)
        rows = [(self.at + i) % len(self.uv) for i in range(n)]
        self.at += n
        covariance = torch.eye(2).expand(n, 21, 2, 2) * self.sigma**2
        found = confidence(covariance, self.input_size)
        variance = torch.full((n, 21), 1e-6)
        high = torch.full((n,), 5.0)
        return PoseOutput(self.uv[rows], self.depth[rows], covariance, variance, found, high, high)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("renders")
    write_shards(folder, 24)
    return folder


@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_figures_of_a_network_that_knows_the_truth(shards: Path, sigma: float) -> None:
    truth = collect(ShardDataset(shards, masks=False), 0, 24, 64)
    assert (len(truth.crops), len(truth.empty)) == (18, 6)
    oracle = Oracle(truth.uv, encode(truth.keypoints).relative_depth, sigma)
    figures = report(oracle, truth)
    # Noise of sigma in both coordinates: Rayleigh, in pixels of a 128 crop.
    expected = 2 * sigma * math.sqrt(math.pi / 2)
    assert figures["2D mean px"] == pytest.approx(expected, rel=0.1, abs=1e-4)
    if sigma == 0:
        assert figures["MPJPE mm"] < 0.5
        assert figures["root depth, own bones, median mm"] < 0.5
        assert figures["AUC 20-50 mm"] == 1
    else:
        assert figures["2D in 95 % ellipse"] == pytest.approx(0.95, abs=0.03)
        assert 0.3 < figures["MPJPE mm"] < 20
    assert figures["unsolved"] == 0


def test_root_relative_errors_ignore_place_and_size() -> None:
    rng = np.random.default_rng(0)
    truth = np.stack([hand(rng)[0] for _ in range(2)])
    assert root_relative(3 * truth + 7, truth).max() < 1e-9
    moved = truth.copy()
    moved[:, 8] += (0.02, 0, 0)
    assert root_relative(moved, truth)[:, 8] == pytest.approx(0.02, abs=0.01)


@pytest.mark.parametrize(
    ("uv", "expected"),
    [(OPEN_HAND, [True] * 5), (fist(OPEN_HAND), [False] * 5)],
)
def test_fingers(uv: np.ndarray, expected: list[bool]) -> None:
    states = extended_fingers(uv * (1, 1))
    assert states[1:].tolist() == expected[1:]
    assert extended_fingers(uv[None] * 3 + 50)[0].tolist() == states.tolist()


def test_one_finger_alone() -> None:
    uv = fist(OPEN_HAND)
    uv[5:9] = OPEN_HAND[5:9]
    assert extended_fingers(uv)[1:].tolist() == [True, False, False, False]


def test_table_of_digits_counts_fingers() -> None:
    for digit, fingers in ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)):
        assert ASL_DIGITS[digit].count("1") == fingers
    assert [ASL_DIGITS[d].index("0") for d in (6, 7, 8, 9)] == [4, 3, 2, 1]


def test_factors_make_the_ellipse_hold_nineteen_of_twenty() -> None:
    rng = np.random.default_rng(0)
    squares = (rng.normal(0, 3.0, (4000, 5, 2)) ** 2).sum(-1)
    assert factors(squares, 2) == pytest.approx(9.0, rel=0.08)
    assert factors(squares * 1e9, 2) == pytest.approx(20.0)


def test_calibration_makes_the_covariances_hold(shards: Path) -> None:
    torch.manual_seed(0)
    network = build_any({**TINY}).eval()
    truth = collect(ShardDataset(shards, masks=False), 0, 24, 32)
    calibrate_covariance(network, truth)
    share = report(network, truth)["2D in 95 % ellipse"]
    assert share == pytest.approx(0.95, abs=0.05)
    assert network.depth_calibration[0] == 1


def test_logistic_finds_the_factor_and_the_offset() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 20000)
    truth = rng.random(20000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    assert logistic(logits, truth) == pytest.approx((0.5, -1), abs=0.05)


@pytest.mark.parametrize("pose_side", [False, True])
def test_calibrated_handedness_favours_no_hand(shards: Path, pose_side: bool) -> None:
    torch.manual_seed(0)
    network = build_any({**TINY, "pose_side": pose_side}).eval()
    if network.side is not None:
        torch.nn.init.normal_(network.side.layers[-1].weight)
    torch.nn.init.constant_(network.backbone.right.bias, 3.0)
    truth = collect(ShardDataset(shards, masks=False), 0, 24, 32)
    crops = [*truth.crops, *(np.ascontiguousarray(c[:, ::-1]) for c in truth.crops)]
    before = predict(network, crops).handedness_logit
    a, b = calibrate_handedness(network, truth.crops)
    after = predict(network, crops).handedness_logit
    np.testing.assert_allclose(after, a * before + b, atol=1e-3)
    assert (before > 0).mean() > 0.9
    # Of the most likely logistic fit, the mean probability is the share of right hands.
    assert (1 / (1 + np.exp(-after))).mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("variant", "depth"),
    [("latent", 20.0), ("two stages", 20.0), ("direct", 1.0), ("holistic", 1.0)],
)
def test_ablations_train_with_the_loss_of_their_formulation(variant: str, depth: float) -> None:
    """Each formulation's depths are in units of its own."""
    config = configuration(VARIANTS[variant], BASE, 10)
    assert config.loss.depth == depth
    assert config.loss == load_config(config.network["formulation"]).loss


def test_commands_print_their_tables(tmp_path: Path, shards: Path, capsys) -> None:
    photos = f"{tmp_path / 'photos'}={tmp_path / 'labels.npz'}"
    write_photos(tmp_path / "photos", tmp_path / "labels.npz", 20)
    weights = tmp_path / "tiny.safetensors"
    save_network(build_any({**TINY}), TINY, weights)
    command = ["evaluate", "crops", "--data", str(shards), "--weights", str(weights)]
    assert main([*command, "--worst", str(tmp_path / "worst.png")]) == 0
    assert "18 crops with hands, 6 without" in capsys.readouterr().out
    assert (tmp_path / "worst.png").is_file()
    ablation = ["evaluate", "ablation", "--renders", str(shards), "--holdout", str(shards)]
    options = ["--photos", photos, "--steps", "2", "--width", "8", "--workers", "0"]
    only = ["--only", "latent", "direct", "output 32"]
    assert main([*ablation, *options, *only, "--out", str(tmp_path / "ablation")]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in only[1:])


def test_an_exported_graph_is_judged_alike(tmp_path: Path, shards: Path, capsys) -> None:
    pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    weights = save_small("pose network", tmp_path)
    export_network(weights, tmp_path / "small.onnx", "onnx")
    names = [str(weights), str(tmp_path / "small.onnx")]
    assert main(["evaluate", "crops", "--data", str(shards), "--weights", *names]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    pairs = np.array([[float(number) for number in row[34:].split()] for row in rows])
    assert len(pairs) > 15
    errors = pairs[:6]  # of an untrained network; shares jump where a number crosses a threshold
    np.testing.assert_allclose(errors[:, 0], errors[:, 1], rtol=0.02)


def test_photos_beside_mediapipe(tmp_path: Path, capsys) -> None:
    pytest.importorskip("tflite", reason="MediaPipe's network is read with the [train] extra")
    pytest.importorskip("mediapipe", reason="MediaPipe's weights are in its wheel")
    photos = f"{tmp_path / 'photos'}={tmp_path / 'labels.npz'}"
    write_photos(tmp_path / "photos", tmp_path / "labels.npz", 20)
    weights = tmp_path / "tiny.safetensors"
    save_network(build_any({**TINY}), TINY, weights)
    worst = ["--worst", str(tmp_path / "worst.png")]
    assert main(["evaluate", "photos", "--photos", photos, "--weights", str(weights), *worst]) == 0
    printed = capsys.readouterr().out
    assert "2 photographs" in printed
    assert "mediapipe" in printed


def test_bones_of_exact_poses_do_not_scatter() -> None:
    rng = np.random.default_rng(2)
    own = np.repeat(0.09 * np.array(PROPORTIONS).reshape(1, 20), 12, 0)
    own[6:, 6] *= 1.2  # another person, with a longer middle bone of the index finger
    points = pose_hands(own, rng)
    points = points - points[:, :1] + (0, 0, 0.6)
    rays = points[..., :2] / points[..., 2:]
    depth = encode(points).relative_depth
    lengths = fitted_lengths(rays, depth)
    np.testing.assert_allclose(lengths, own / 0.09, rtol=0.02)
    persons = np.repeat([1, 2], 6)
    assert scatter(lengths, persons).max() < 0.01
    assert scatter(lengths, np.zeros(12))[6] > 0.08  # taken for one person
    assert scatter(fitted_lengths(rays, 0.5 * depth), persons).mean() > 0.03
    assert np.isnan(scatter(lengths[:8], np.arange(8))).all()  # one photograph a person


def test_the_bones_command_compares_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    network = build_any({**TINY}).eval()
    save_network(network, TINY, tmp_path / "tiny.safetensors")
    write_photos(tmp_path / "photos", tmp_path / "labels.npz", 40)
    photos = f"{tmp_path / 'photos'}={tmp_path / 'labels.npz'}"
    weights = str(tmp_path / "tiny.safetensors")
    assert main(["evaluate", "bones", "--photos", photos, "--weights", weights, "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "40 photographs of 4 people"
    table = {line[:26].strip(): [float(v) for v in line[26:].split()] for line in lines[3:]}
    assert set(table) == {"tiny", "MediaPipe, whole", "its pixels, no depths"}
    # Random hands, each of its own proportions, whose depths are true; then without these.
    exact, flat = table["MediaPipe, whole"], table["its pixels, no depths"]
    assert 0 < exact[0] < 0.6 * flat[0]
    assert all(v > 0 for v in table["tiny"])


@pytest.mark.parametrize(("options", "message"), [([], "held-out"), (["--all"], "digit")])
def test_the_bones_command_wants_names_that_show_a_sign(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.npz"
    write_photos(tmp_path / "photos", labels, 3)
    with np.load(labels) as arrays:
        renamed = {**arrays, "names": np.array([f"x{name}" for name in arrays["names"]])}
    np.savez(labels, **renamed)
    for path in list((tmp_path / "photos").iterdir()):
        path.rename(path.with_name(f"x{path.name}"))
    photos = f"{tmp_path / 'photos'}={labels}"
    assert main(["evaluate", "bones", "--photos", photos, "--weights", "mediapipe", *options]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and not printed.out

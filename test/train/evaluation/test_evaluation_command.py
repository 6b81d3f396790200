"""The paper's commands from files to table: evaluate, heatmaps, data, on tiny networks."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hand_pose_25d.cli import main
from hand_pose_25d.networks.weights import save_network
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import BONES, REFERENCE_BONE, bone_lengths
from hand_pose_25d_train.datasets.standin import MARKER, drawn_hands
from hand_pose_25d_train.datasets.standin_formats import write_standin
from hand_pose_25d_train.evaluation.command import PROTOCOL_MODULES
from hand_pose_25d_train.evaluation.paper import heatmaps, normalization
from hand_pose_25d_train.networks.formulations import build_any, load_any

TINY = {
    "direct": {"formulation": "direct", "input_size": 32, "width": 8, "levels": 2},
    "holistic": {"formulation": "holistic", "input_size": 32, "blocks": [1, 1, 1, 1], "width": 4},
    "latent": {
        "formulation": "latent", "backbone": "encoder_decoder",
        "input_size": 32, "width": 8, "levels": 2,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Return the paths of untrained networks, one a formulation."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    paths = {}
    for name, config in TINY.items():
        paths[name] = folder / f"{name}.safetensors"
        save_network(build_any(config), config, paths[name], torch.float32)
    return paths


@pytest.fixture(scope="module")
def standins(tmp_path_factory):
    """Return the folders of small stand-ins."""
    root = tmp_path_factory.mktemp("standins")
    for name in ("rhp", "shp", "dexter_object", "ego_dexter", "mpii_nzsl", "freihand"):
        write_standin(name, root / name, drawn_hands(6, seed=2), 3, "evaluation", "stick figures")
    write_standin("shp", root / "shp_training", drawn_hands(6), 4, "training", "stick figures")
    write_standin("mvbs", root / "mvbs", drawn_hands(6), 3, "training", "stick figures")
    return root


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("protocol", "rows", "plots"),
    [
        ("rhp", 3, 2),
        ("shp", 3, 2),
        ("dexter_object", 4, 2),
        ("ego_dexter", 4, 2),
        ("mpii_nzsl", 1, 1),
        ("mvbs", 1, 1),
        ("freihand", 3, 2),
    ],
)
def test_evaluate_prints_and_writes_the_table(
    networks, standins, tmp_path, capsys, protocol, rows, plots
):
    weights = str(networks["latent"])
    arguments = ["--data", str(standins / protocol), "--weights", weights, "--out", str(tmp_path)]
    assert main(["evaluate", protocol, *arguments, "--look", "box", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert f"NOT {'Dexter+Object' if protocol == 'dexter_object' else ''}" in printed
    assert "stick figures" in printed and "3 samples" in printed
    table = read_csv(tmp_path / f"{protocol}.csv")
    ours = [row for row in table if row[""].startswith("ours: latent, ")]
    assert len(ours) == rows
    assert all("stick figures" in row["data"] for row in ours)
    assert all(row["data"] == "" for row in table if row[""].startswith("paper: "))
    assert all(float(row["mean px"]) > 1 for row in ours)  # untrained
    for row in table:
        assert row[""] in printed
    images = sorted(tmp_path.glob(f"{protocol}_pck_*.png"))
    assert len(images) == plots
    curve = read_csv(tmp_path / f"{protocol}_pck_2d.csv")
    assert len(curve) == 101 and curve[-1]["threshold px"] == "30.000"
    picture = cv2.imread(str(images[0]))
    assert picture.shape[1] > 600 and picture.std() > 10


def test_several_networks_one_table_and_the_prior_of_shp(networks, standins, tmp_path, capsys):
    weights = [str(networks["direct"]), str(networks["holistic"])]
    arguments = ["--data", str(standins / "dexter_object"), "--out", str(tmp_path), "--limit", "2"]
    arguments += ["--shp", str(standins / "shp_training"), "--weights", *weights]
    assert main(["evaluate", "dexter_object", *arguments]) == 0
    printed = capsys.readouterr().out
    assert "SHP's training set" in printed and "2 of 3 samples" in printed
    assert "paper: holistic 2.5D (ResNet-50)" in printed
    names = {row[""].split(",")[0] for row in read_csv(tmp_path / "dexter_object.csv")}
    assert {"ours: direct", "ours: holistic"} <= names


def test_real_data_is_not_called_a_standin(networks, standins, tmp_path, capsys):
    write_standin("rhp", tmp_path / "rhp", drawn_hands(2), 1, "evaluation", "x")
    (tmp_path / "rhp" / MARKER).unlink()
    arguments = ["--weights", str(networks["latent"]), "--out", str(tmp_path), "--look", "box"]
    assert main(["evaluate", "rhp", "--data", str(tmp_path / "rhp"), *arguments]) == 0
    printed = capsys.readouterr().out
    assert f"Data: RHP in {tmp_path / 'rhp'}, 1 samples." in printed and "NOT" not in printed


def test_mistakes_end_in_a_sentence(networks, tmp_path, capsys):
    assert main(["evaluate", "rhp", "--data", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["evaluate", "coco", "--data", "."])
    error = capsys.readouterr().err
    assert all(name in error for name in PROTOCOL_MODULES)


@pytest.mark.parametrize("protocol", list(PROTOCOL_MODULES))
def test_every_protocol_has_options(protocol, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", protocol, "--help"])
    assert stop.value.code == 0
    assert f"evaluate {protocol}" in capsys.readouterr().out


def test_normalization_of_exact_poses_is_exact_whatever_the_bone():
    truth = [hand.sample.xyz for hand in drawn_hands(5, seed=1)]
    hands = normalization.annotated(truth, (0.0, 0.0))
    for index, bone in enumerate(BONES):
        lengths = bone_lengths(hands.truth)
        for row in range(len(truth)):
            prior = BoneLengthPrior.exact(lengths[row])
            arrays = (hands.xy, hands.depth, hands.truth)
            one = normalization.NormalizedHands(*(array[row : row + 1] for array in arrays))
            points = normalization.solve_normalized(
                one, bone, lengths[row : row + 1, index], prior
            )
            if np.isfinite(points).all():  # the larger root may be the wrong one, see pose25d
                near = np.abs(points - one.truth).max() < 1e-6
                assert near or bone != REFERENCE_BONE
    prior = BoneLengthPrior.exact(bone_lengths(hands.truth).mean(0))
    cells = normalization.rows(hands, prior, True, "x")
    assert len(cells) == 20 and sum("*" in row[0] for row in cells) == 1
    assert all(0 <= float(row[1]) <= 1 for row in cells)


def test_a_short_bone_is_worse_than_the_reference():
    truth = [hand.sample.xyz for hand in drawn_hands(60, seed=3)]
    hands = normalization.annotated(truth, (1.5, 4.0), seed=1)
    prior = BoneLengthPrior.exact(bone_lengths(hands.truth).mean(0))
    table = {row[0]: row for row in normalization.rows(hands, prior, True, "x")}
    reference, short = table["x: wrist - index_mcp *"], table["x: little_dip - little_tip"]
    assert float(reference[3]) < float(short[3]) and float(reference[4]) > float(short[4])


def test_normalization_command(networks, standins, tmp_path, capsys):
    arguments = ["--data", str(standins / "rhp"), "--weights", str(networks["latent"])]
    assert main(["evaluate", "normalization", *arguments, "--out", str(tmp_path)]) == 0
    assert "wrist - index_mcp *" in capsys.readouterr().out
    assert len(read_csv(tmp_path / "normalization.csv")) == 40
    assert cv2.imread(str(tmp_path / "normalization.png")).std() > 10


@pytest.mark.parametrize("name", ["latent", "direct"])
def test_heatmaps_draws_the_figure(networks, standins, tmp_path, capsys, name):
    image = next((standins / "rhp/evaluation/color").glob("*.png"))
    out = tmp_path / "figure.png"
    arguments = [str(image), "--weights", str(networks[name]), "--box", "80", "60", "150", "160"]
    assert main(["heatmaps", *arguments, "-o", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    picture = cv2.imread(str(out))
    columns, rows = heatmaps.HEATMAP_COLUMNS, -(-(2 + 2 * 21) // heatmaps.HEATMAP_COLUMNS)
    assert picture.shape[0] > rows * heatmaps.TILE and picture.shape[1] > columns * heatmaps.TILE


def test_heatmaps_of_a_holistic_network_say_why_not(networks, standins, capsys):
    image = next((standins / "rhp/evaluation/color").glob("*.png"))
    arguments = [str(image), "--weights", str(networks["holistic"]), "--box", "9", "9", "99", "99"]
    assert main(["heatmaps", *arguments]) == 2
    assert "a holistic network has no heatmaps" in capsys.readouterr().err
    assert main(["heatmaps", "nowhere.png"]) == 2
    assert "nowhere.png" in capsys.readouterr().err


def test_heatmap_pictures_by_hand():
    heat, depth = np.zeros((21, 8, 8)), np.zeros((21, 8, 8))
    heat[3, 2, 5] = 0.5
    depth[3, :4], depth[3, 4:] = -1.0, 1.0
    crop = np.full((32, 32, 3), 100, np.uint8)
    maps = heatmaps.Maps(crop, heat, depth, np.full((21, 2), -50.0), np.zeros(21))
    picture = heatmaps.heatmap_picture(maps, 3, 80).astype(int)
    assert picture[25, 55].sum() > 500  # the cell's centre, bright
    assert picture[70, 10].tolist() == [60, 60, 60]  # the dimmed crop
    colors = heatmaps.depth_picture(maps, 3, 1.0, 80)
    assert colors[5, 40].tolist() == [178, 24, 43] and colors[75, 40].tolist() == [33, 102, 172]
    assert heatmaps.depth_picture(maps, 4, 1.0, 80)[40, 40].tolist() == [247, 247, 247]


def test_data_check_says_what_is_there_and_missing(tmp_path, capsys):
    folder, out = tmp_path / "rhp", tmp_path / "sheet.png"
    assert main(["data", "standin", "rhp", str(folder), "--drawn", "--count", "5"]) == 0
    capsys.readouterr()
    assert main(["data", "check", "rhp", str(folder), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "not the dataset: stick figures" in printed
    assert "evaluation annotations: 5 of 2728" in printed
    assert "training: cannot be read" in printed
    assert "5 samples; 5 of 16 read and drawn" in printed
    sheet = cv2.imread(str(tmp_path / "sheet_evaluation.png"))
    assert sheet.shape[0] > 480 and sheet.shape[1] > 960
    (folder / "evaluation/color/00002.png").unlink()
    assert main(["data", "check", "rhp", str(folder), "--out", str(out)]) == 1
    printed = capsys.readouterr().out
    assert "evaluation color images: 4 of 2728" in printed and "color/00002.png" in printed
    assert "4 of 16 read and drawn" in printed
    assert main(["data", "check", "rhp", str(tmp_path / "none")]) == 2


def test_every_formulation_runs_in_the_estimator(networks):
    from hand_pose_25d import Camera, HandPoseEstimator

    camera = Camera(fx=300.0, fy=300.0, cx=159.5, cy=119.5, width=320, height=240)
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    for name, path in networks.items():
        network = load_any(path)
        estimator = HandPoseEstimator(device="cpu", network=network)
        (hand,) = estimator.estimate(image, camera, boxes=[(100, 60, 90, 100)])
        assert hand.keypoints.shape == (21, 3) and np.isfinite(hand.keypoints_2d).all(), name
        assert network.formulation == name

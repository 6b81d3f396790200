"""The paper's training: its YAML files, its regions, and runs from files to weights."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import yaml

from hand_pose_25d.cli import main
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.reconstruction import pose25d
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.cutting import cut
from hand_pose_25d_train.datasets.dataset_source import DatasetSource
from hand_pose_25d_train.datasets.standin import drawn_hands
from hand_pose_25d_train.datasets.standin_formats import write_standin
from hand_pose_25d_train.datasets.training_images import TrainingImage, TrainingImages
from hand_pose_25d_train.networks.formulations import build_any, load_any
from hand_pose_25d_train.training.config import CONFIG_FOLDER, load_config

FIXED = PaperJitter(rotation=(0, 0), translation=0.0, scale=(1.0, 1.0))
NOTHING = Backgrounds([])


def drawn_from(source):
    """Return the batch of one image of a source."""
    rng = np.random.default_rng(0)
    return cut(source.draw(1, rng), 64, FIXED, NOTHING, 0.0, rng)


@pytest.mark.parametrize(
    ("name", "rate", "size", "millions"),
    [
        ("latent", 0.001, 128, 17.1),
        ("latent2", 0.001, 128, 34.3),
        ("direct", 0.0001, 128, 17.1),
        ("holistic", 0.03, 224, 23.6),
    ],
)
def test_shipped_configurations_are_the_papers(tmp_path, name, rate, size, millions):
    config = load_config(name)
    network = build_any(config.network)
    assert network.input_size == size
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)
    loop = config.loop_config(tmp_path)
    assert (loop.optimizer, loop.momentum, config.data.batch_size) == ("sgd", 0.9, 32)
    # Epochs of 15000 + 41258 images in batches of 32: 70 in all, a tenth after 30 and after 60.
    epoch = (15000 + 41258) / 32
    assert loop.steps / epoch == pytest.approx(70, abs=0.1)
    rates = [loop.rate(round(e * epoch)) for e in (0, 29.9, 30.1, 59.9, 60.1, 69)]
    assert rates == pytest.approx([rate, rate, rate / 10, rate / 10, rate / 100, rate / 100])
    assert config.data.share_2d == config.data.share_3d
    jitter = config.data.jitter
    assert isinstance(jitter, PaperJitter) and jitter.hand_share == 0.7
    assert tuple(jitter.rotation) == (0, 90) and tuple(jitter.scale) == (0.7, 1.1)
    assert jitter.translation * 128 == 20
    assert config.loss.depth == (20.0 if name.startswith("latent") else 1.0)
    if name == "direct":
        assert network.sigma == 5.0
    if name == "latent2":
        assert network.stages == 2


def test_paper_regions_by_hand():
    uv = np.full((21, 2), 50.0)
    uv[0], uv[8] = (40, 20), (60, 90)  # 20 x 70
    rng = np.random.default_rng(0)
    (region,) = FIXED.place(uv[None], rng)
    assert region.center == (50, 55) and region.angle == 0 and region.size == pytest.approx(100)
    regions = PaperJitter().place(np.repeat(uv[None], 300, 0), rng)
    angles = -np.degrees(regions.angle)
    assert 0 <= angles.min() < 5 and 85 < angles.max() <= 90
    factors = 100 / regions.size
    assert 0.7 <= factors.min() < 0.72 and 1.08 < factors.max() <= 1.1
    shifts = (regions.center - (50, 55)) / regions.size[:, None] * 128
    assert 19 < np.abs(shifts).max() <= 20


@pytest.mark.parametrize(
    "settings", [{"rotation": (90, 0)}, {"scale": (0.0, 1.0)}, {"hand_share": 0.0}]
)
def test_wrong_ranges_are_named(settings):
    with pytest.raises(ValueError, match="jitter"):
        PaperJitter(**settings)


def test_a_turned_crop_turns_the_hand():
    """Rotation by +90 degrees shows a hand that pointed up as one that points right."""
    hand = next(iter(drawn_hands(1))).sample
    turned = PaperJitter(rotation=(90, 90), translation=0.0, scale=(1.0, 1.0))
    given = TrainingImages.of([TrainingImage(hand.image, hand.camera, hand.uv, is_right=True)])
    a, b = (
        uv[9] - uv[0]
        for jitter in (FIXED, turned)
        for uv in cut(given, 128, jitter, NOTHING, 0.0, np.random.default_rng(0))["uv"].numpy()
    )
    angle = math.degrees(math.atan2(b[1], b[0]) - math.atan2(a[1], a[0]))
    assert (angle + 180) % 360 - 180 == pytest.approx(90, abs=3)


@pytest.mark.parametrize("name", ["rhp", "shp", "synthhands", "mpii_nzsl", "mvbs", "freihand"])
def test_datasets_are_sources(tmp_path, name):
    write_standin(name, tmp_path / name, drawn_hands(4), 2, "training", "stick figures")
    source = DatasetSource(name, tmp_path / name)
    made = drawn_from(source)
    assert made["image"].shape == (1, 3, 64, 64) and made["presence"][0] == 1
    assert (made["uv_weight"] == 1).all()
    width = np.ptp(made["uv"][0].numpy(), axis=0).max()
    assert width == pytest.approx(0.7 * 64, rel=0.06)  # the virtual camera's view differs a little
    flat = name in ("mpii_nzsl", "mvbs")
    assert made["depth_weight"].sum() == (0 if flat else 21)
    if not flat:
        # Depths belong to the virtual camera, whose axis passes through the box's centre.
        depths = []
        for truth in (source[i] for i in range(len(source))):
            (region,) = FIXED.place(truth.uv[None], np.random.default_rng(0))
            view = VirtualCamera.from_region(truth.camera, region, 64)
            depths.append(pose25d.encode(view.to_virtual(truth.xyz)).relative_depth)
        assert min(np.abs(made["depth"][0].numpy() - d).max() for d in depths) < 1e-5


def test_sources_know_what_they_cannot_do(tmp_path):
    with pytest.raises(ValueError, match="dexter_object has no training split"):
        DatasetSource("dexter_object", tmp_path)


def test_unannotated_keypoints_weigh_nothing(tmp_path):
    write_standin("mpii_nzsl", tmp_path, drawn_hands(2), 1, "training", "stick figures")
    path = next(tmp_path.rglob("manual_train/*.json"))
    entry = json.loads(path.read_text())
    entry["hand_pts"][6][2] = 0
    path.write_text(json.dumps(entry))
    made = drawn_from(DatasetSource("mpii_nzsl", tmp_path))
    assert np.flatnonzero(made["uv_weight"][0] == 0).tolist() == [6]
    assert made["uv"].isfinite().all()


@pytest.mark.parametrize(
    "network",
    [
        {"formulation": "direct", "input_size": 32, "width": 8, "levels": 2},
        {"formulation": "holistic", "input_size": 32, "blocks": [1, 1, 1, 1], "width": 4},
        {
            "formulation": "latent", "backbone": "encoder_decoder", "stages": 2,
            "input_size": 32, "width": 8, "levels": 2,
        },
    ],
    ids=lambda network: network["formulation"],
)  # fmt: skip
def test_training_goes_from_files_to_weights(tmp_path, network, capsys):
    """`hand-pose-25d train` on 2D-only and 3D datasets, with the shipped YAML but for its size."""
    name = "latent2" if network["formulation"] == "latent" else network["formulation"]
    document = yaml.safe_load((CONFIG_FOLDER / f"{name}.yaml").read_text())
    document["network"] = network
    document["data"]["batch_size"] = 4
    document["loop"].update(steps=3, milestones=[1, 2])
    config = tmp_path / f"{name}.yaml"
    config.write_text(yaml.safe_dump(document))
    for dataset in ("rhp", "mpii_nzsl"):
        write_standin(dataset, tmp_path / dataset, drawn_hands(4), 2, "training", "stick figures")
    arguments = ["--datasets", *(f"{d}={tmp_path / d}" for d in ("rhp", "mpii_nzsl"))]
    arguments += ["--out", str(tmp_path / "run"), "--workers", "0", "--device", "cpu"]
    assert main(["train", str(config), *arguments]) == 0
    assert "weights.safetensors" in capsys.readouterr().out
    trained = load_any(tmp_path / "run/weights.safetensors")
    assert trained.formulation == network["formulation"]
    fresh = build_any(network).state_dict()
    assert set(trained.state_dict()) == set(fresh)
    if name == "holistic":
        assert int(trained.batches_seen) == 3

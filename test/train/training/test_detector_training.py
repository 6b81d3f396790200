"""The detector's training, on a folder of each kind."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from hands_2d import hand_at
from training_data import write_photos, write_shards

from hand_pose_25d.networks.weights import load_network
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.training.detector import people as detector_people
from hand_pose_25d_train.training.detector.composed import Photographs
from hand_pose_25d_train.training.detector.renders import RenderFolder
from hand_pose_25d_train.training.detector.scenes import AugmentedScenes
from hand_pose_25d_train.training.detector.trainer import (
    DetectorData,
    SceneBatches,
    train_detector,
)
from hand_pose_25d_train.training.loop_config import LoopConfig
from hand_pose_25d_train.training.recipe import Shares
from hand_pose_25d_train.training.teaching import Teaching


def train(out: Path, steps: int, data: DetectorData) -> Path:
    loop = LoopConfig(out, steps, warmup_steps=1, device="cpu", precision="float32")
    config = {
        "formulation": "detector", "sizes": [384, 192], "branch_width": 96,
        "blocks": [1, 2, 2, 2, 2], "activation": "relu",
    }  # fmt: skip
    shares = Shares(0.2, 0.2, 0.2, 0.2, whole=0.2)
    teaching = Teaching("detector", fade_steps=2, freeze=["stem", "stages.0."])
    return train_detector(config, "detector", data, shares, loop, 4, [96], teaching=teaching)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DetectorData:
    """One folder of each kind."""
    write_shards(tmp_path / "renders", 8)
    photos, labels = tmp_path / "photos", tmp_path / "labels.npz"
    write_photos(photos, labels, 12)
    known = tmp_path / "known.npz"
    with np.load(labels) as table:
        names = table["names"]
        np.savez(known, photographs=names, box_names=names[:1], box_certain=[True],
                 boxes=[[10, 10, 20, 20]], **table)  # fmt: skip
    people = tmp_path / "people"
    people.mkdir()
    cv2.imwrite(str(people / "a.jpg"), np.full((90, 120, 3), 80, np.uint8))
    hand = {"uv": hand_at(60, 45, 40).tolist(), "right": True}
    document = {"longer_side": 120, "photographs": {"a.jpg": [hand]}}
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setattr(detector_people, "LABELS", tmp_path / "labels.yaml")
    renders = [tmp_path / "renders"]
    pairs = [(photos, labels), (photos, known)]
    return DetectorData(renders, renders, Photographs(pairs, people=people))


def test_it_trains_on_all_kinds_of_scenes_and_goes_on(tmp_path: Path, data: DetectorData) -> None:
    shares = Shares(photos=0.1, scenes=0.2, crops=0.3, people=0.4, whole=0.6)
    assert [share for _, share in data.sources(shares)] == [0.1, 0.4, 0.3, 0.3, 0.2, 0.3]
    weights = train(tmp_path / "run", 1, data)
    before, first = load_network("detector").state_dict(), load_network(weights).state_dict()
    assert len({name.split(".")[3] for name in first if name.startswith("trunk.stages.3")}) == 2
    moved = {name for name in first if not torch.equal(before[name], first[name])}
    assert any(name.startswith("heads") for name in moved)
    assert not any(name.startswith("trunk.stem") for name in moved)
    assert train(tmp_path / "run", 2, data) == weights
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2
    assert not torch.equal(load_network(weights).state_dict()["heads.0.bias"],
                           first["heads.0.bias"])  # fmt: skip


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        DetectorData([], []).sources(Shares(1, 1, 1, 1))


def test_processes_that_train_together_share_the_renders(tmp_path: Path) -> None:
    write_shards(tmp_path, 7)
    whole = RenderFolder(tmp_path)
    parts = [RenderFolder(tmp_path, True, part, 2) for part in (0, 1)]
    assert [len(part) for part in parts] == [4, 3]
    for index in range(7):
        image = parts[index % 2][index // 2].image
        assert np.array_equal(image, whole[index].image)


def test_their_batches_differ_but_in_size(tmp_path: Path) -> None:
    write_shards(tmp_path, 8)
    scenes = AugmentedScenes(RenderFolder(tmp_path))
    ranks = [
        SceneBatches([(scenes, 1.0)], Backgrounds([]), 2, sizes=(64, 96, 128), rank=rank)
        for rank in (0, 1)
    ]
    for step in range(4):
        first, second = (batches[step]["image"] for batches in ranks)
        assert first.shape == second.shape
        assert not torch.equal(first, second)

"""The command that trains the detector, on folders as its options name them."""

from __future__ import annotations

import argparse
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
from hand_pose_25d_train.training.detector.renders import RenderFolder
from hand_pose_25d_train.training.detector.scenes import TurnedScenes
from hand_pose_25d_train.training.detector.trainer import SceneBatches, add_arguments, run


def arguments(tmp_path: Path, steps: int, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = ["--out", str(tmp_path / "run"), "--start", "detector", "--steps", str(steps)]
    return parser.parse_args(
        [*options, "--batch-size", "4", "--workers", "0", "--precision", "float32", *more]
    )


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name one folder of each kind."""
    write_shards(tmp_path / "renders", 8)
    photos, labels = tmp_path / "photos", tmp_path / "labels.npz"
    write_photos(photos, labels, 12)
    people = tmp_path / "people"
    people.mkdir()
    cv2.imwrite(str(people / "a.jpg"), np.full((90, 120, 3), 80, np.uint8))
    hand = {"uv": hand_at(60, 45, 40).tolist(), "right": True}
    document = {"longer_side": 120, "photographs": {"a.jpg": [hand]}}
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setattr(detector_people, "LABELS", tmp_path / "labels.yaml")
    renders = str(tmp_path / "renders")
    return ["--renders", renders, "--crops", renders, "--photos", f"{photos}={labels}",
            "--people", str(people)]  # fmt: skip


def test_it_trains_on_all_kinds_of_scenes_and_goes_on(tmp_path: Path, folders: list[str]) -> None:
    assert run(arguments(tmp_path, 1, *folders)) == 0
    weights = tmp_path / "run" / "detector.safetensors"
    before, first = load_network("detector").state_dict(), load_network(weights).state_dict()
    moved = {name for name in before if not torch.equal(before[name], first[name])}
    assert any(name.startswith("heads") for name in moved)
    assert not any(name.startswith(("trunk.stem", "trunk.stages.0")) for name in moved)
    assert run(arguments(tmp_path, 2, *folders)) == 0
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2
    assert not torch.equal(load_network(weights).state_dict()["heads.0.bias"],
                           first["heads.0.bias"])  # fmt: skip


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--people"):
        run(arguments(tmp_path, 1))


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
    scenes = TurnedScenes(RenderFolder(tmp_path))
    ranks = [
        SceneBatches([(scenes, 1.0)], Backgrounds([]), 2, sizes=(64, 96, 128), rank=rank)
        for rank in (0, 1)
    ]
    for step in range(4):
        first, second = (batches[step]["image"] for batches in ranks)
        assert first.shape == second.shape
        assert not torch.equal(first, second)

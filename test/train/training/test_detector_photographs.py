"""Whole photographs with consensus labels, and hands dyed like gloves."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hands_2d import hand_at
from training_data import write_photos

from hand_pose_25d_train.training.detector.composed import Photographs
from hand_pose_25d_train.training.detector.gloves import gloved
from hand_pose_25d_train.training.detector.scenes import SceneHand
from hand_pose_25d_train.training.detector.targets import scene_targets
from hand_pose_25d_train.training.detector.whole_photos import (
    WholePhotos,
    around_box,
    has_boxes,
)


@pytest.fixture
def labelled(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with a rule in held_out.yaml: names that begin with IMG_3 are held out."""
    folder, labels = tmp_path / "office_and_home_phones", tmp_path / "labels.npz"
    folder.mkdir()
    names = ["a.png", "b.png", "IMG_3_c.png"]
    for name in names:
        cv2.imwrite(str(folder / name), np.full((720, 1440, 3), 90, np.uint8))
    np.savez(
        labels,
        photographs=np.array(names),
        names=np.array(["a.png", "IMG_3_c.png"]),
        uv=np.array([hand_at(600, 300, 200), hand_at(600, 300, 200)], np.float32),
        is_right=np.array([False, True]),
        box_names=np.array(["a.png", "b.png"]),
        boxes=np.array([[100, 200, 80, 60], [0, 0, 40, 40]], np.float32),
        box_certain=np.array([True, False]),
    )
    return folder, labels


def test_all_hands_of_a_photograph_come_with_it(labelled: tuple[Path, Path]) -> None:
    photos = WholePhotos(*labelled)
    assert len(photos) == 2, "one of three is held out"
    scene = photos[0]
    assert scene.image.shape == (360, 720, 3)
    hand, box = scene.hands
    assert not hand.is_right and not hand.box_only and hand.visible == 1
    assert hand.uv == pytest.approx((hand_at(600, 300, 200) + 0.5) / 2 - 0.5, abs=1e-3)
    assert box.box_only and box.visible == 1
    low, high = box.uv.min(axis=0), box.uv.max(axis=0)
    assert [*low, *high] == pytest.approx([50, 100, 90, 130])
    assert [hand.visible for hand in photos[1].hands] == [0]


def test_a_missing_photograph_is_named(labelled: tuple[Path, Path]) -> None:
    (labelled[0] / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        WholePhotos(*labelled)[0]


def test_labels_decide_what_is_made_of_photographs(
    labelled: tuple[Path, Path], tmp_path: Path
) -> None:
    alone = tmp_path / "photos", tmp_path / "alone.npz"
    write_photos(*alone, 4)
    assert [has_boxes(labels) for labels in (labelled[1], alone[1])] == [True, False]
    with pytest.raises(ValueError, match="has no boxes"):
        WholePhotos(*alone)
    both = Photographs([labelled, alone])
    assert both.composed_scenes() is not None and len(both.whole_scenes()) == 2
    assert Photographs([alone]).whole_scenes() == []
    assert Photographs([labelled]).composed_scenes() is None


def test_scenes_of_whole_photographs_have_targets(labelled: tuple[Path, Path]) -> None:
    rng = np.random.default_rng(0)
    for source in Photographs([labelled]).whole_scenes():
        scenes = [source.draw(128, rng) for _ in range(20)]
        assert all(scene.image.shape == (128, 128, 3) for scene in scenes)
        targets = [scene_targets(scene.hands, 128) for scene in scenes]
        posed = np.concatenate([t["posed"][t["score"] > 0] for t in targets])
        assert set(posed) == {0.0, 1.0}, "hands with keypoints and hands with boxes alone"


def test_of_a_box_alone_place_and_size_are_asked() -> None:
    hand = SceneHand(around_box(np.array([60.0, 50, 40, 30])), True, box_only=True)
    targets = scene_targets([hand], 128)
    rows = targets["score"] > 0
    assert rows.any() and not targets["posed"].any()
    assert targets["box"][rows][0] == pytest.approx([60, 50, 100, 80], abs=1e-3)
    assert targets["center"][rows][0] == pytest.approx([80, 65])
    assert targets["size"][rows][0] == pytest.approx(63)


def test_points_around_a_box_turn_with_it() -> None:
    points = around_box(np.array([-10.0, -10, 20, 20])) @ np.array([[0.8, 0.6], [-0.6, 0.8]])
    assert np.ptp(points, axis=0) == pytest.approx([20, 20], rel=0.02)


def test_a_dyed_hand_has_one_hue_and_its_shading() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(60, 255, (80, 60, 3)).astype(np.uint8)
    image[:40] //= 2
    bright = []
    for _ in range(20):
        dyed = gloved(image, rng)
        assert dyed.shape == image.shape and dyed.dtype == np.uint8
        unclipped = dyed[(dyed < 250).all(axis=2) & (dyed > 20).all(axis=2)].astype(float)
        if len(unclipped) > 100:
            ratio = unclipped / unclipped.max(axis=1, keepdims=True)
            assert ratio.std(axis=0).max() < 0.05
        bright.append(dyed[45:].mean() - dyed[:35].mean())
    assert min(bright) > 0

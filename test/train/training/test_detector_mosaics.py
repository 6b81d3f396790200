"""Mosaics of rendered crops: labels that fit the pixels, whatever the tile."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hands_2d import hand_at

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d_train.training.detector.mosaics import MosaicScenes
from hand_pose_25d_train.training.detector.scenes import Scene, SceneHand


class Crops:
    """Crops of a right hand that points up, a red disc in its palm; every third has no hand."""

    def __init__(self, count: int = 3) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Scene:
        image = np.full((224, 224, 3), 60, np.uint8)
        if index % 3 == 2:
            return Scene(image)
        uv = hand_at(112, 112, 100)
        palm = (uv[0] + uv[9]) / 2
        cv2.circle(image, np.round(palm).astype(int).tolist(), 9, (255, 0, 0), -1)
        return Scene(image, [SceneHand(uv, True)])


def turning_sense(uv: np.ndarray) -> float:
    return float(np.linalg.det([uv[9] - uv[0], uv[17] - uv[5]]))


def test_every_hand_lies_where_its_label_says() -> None:
    source = MosaicScenes(Crops())
    rng = np.random.default_rng(1)
    sizes, rights, angles, counts = [], [], [], []
    for _ in range(40):
        scene = source.draw(256, rng)
        assert scene.image.shape == (256, 256, 3) and scene.image.dtype == np.uint8
        counts.append(len(scene.hands))
        for hand in scene.hands:
            palm = np.round((hand.uv[0] + hand.uv[9]) / 2).astype(int)
            region = Region.from_keypoints(hand.uv)
            assert scene.image[palm[1], palm[0], 0] > 140, "the disc"
            assert scene.image[palm[1], palm[0], 1] < 60
            same_sense = turning_sense(hand.uv) * turning_sense(hand_at(112, 112, 100)) > 0
            assert same_sense == hand.is_right, "mirrored hands change handedness"
            sizes.append(region.size)
            rights.append(hand.is_right)
            angles.append(region.angle)
    assert min(counts) <= 1 and max(counts) > 6
    assert min(sizes) < 40 and max(sizes) > 150
    assert 0.3 < np.mean(rights) < 0.7
    assert np.histogram(angles, bins=4, range=(-np.pi, np.pi))[0].min() > len(angles) / 12


def test_a_hand_cut_by_its_tile_counts_as_hidden_in_part() -> None:
    class Cut(Crops):
        def __getitem__(self, index: int) -> Scene:
            uv = hand_at(112, 30, 100)
            return Scene(np.zeros((224, 224, 3), np.uint8), [SceneHand(uv, True, 0.8)])

    rng = np.random.default_rng(0)
    source = MosaicScenes(Cut())
    visible = [hand.visible for _ in range(20) for hand in source.draw(128, rng).hands]
    assert max(visible) <= 0.8
    assert min(visible) < 0.7


def test_a_folder_without_crops_is_refused() -> None:
    with pytest.raises(ValueError, match="no rendered crops"):
        MosaicScenes(Crops(0))

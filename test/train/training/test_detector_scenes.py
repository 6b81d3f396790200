"""Scenes composed for the detector: labels that fit the pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hands_2d import hand_at

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.mixing import loaded
from hand_pose_25d_train.training.detector.pasting import similarity, warp
from hand_pose_25d_train.training.detector.photos import CutOut, alpha_of
from hand_pose_25d_train.training.detector.scenes import (
    AugmentedScenes,
    ComposedScenes,
    Scene,
    SceneHand,
    placement,
)
from hand_pose_25d_train.training.detector.trainer import SceneBatches


def photograph(side: int = 200) -> CutOut:
    """A brown disc at every keypoint, before a grey wall that darkens to one side."""
    uv = hand_at(100, 100, 110)
    ramp = np.linspace(150, 210, side)[None, :, None]
    image = np.broadcast_to(ramp, (side, side, 3)).astype(np.uint8).copy()
    for u, v in np.round(uv).astype(int):
        cv2.circle(image, (int(u), int(v)), 4, (120, 70, 50), -1)
    return CutOut(image, alpha_of(image, uv), uv, True, "made")


def test_alpha_is_on_the_hand_and_not_on_the_wall() -> None:
    cut_out = photograph()
    u, v = np.round(cut_out.uv).astype(int).T
    assert (cut_out.alpha[v, u] > 200).all()
    assert (cut_out.alpha[:22] == 0).all() and (cut_out.alpha[:, :20] == 0).all()


@pytest.mark.parametrize("mirror", [False, True])
def test_similarity_turns_clockwise_about_its_source(mirror: bool) -> None:
    matrix = similarity((10, 20), (100, 50), 2.0, math.pi / 2, mirror)
    assert matrix @ (10, 20, 1) == pytest.approx((100, 50))
    assert matrix @ (10, 19, 1) == pytest.approx((102, 50)), "up becomes right"
    assert np.linalg.det(matrix[:, :2]) == pytest.approx(-4 if mirror else 4)


@pytest.mark.parametrize("scale", [0.15, 0.4, 1.0, 1.7])
def test_warp_puts_pixels_where_the_matrix_says(scale: float) -> None:
    image = np.zeros((240, 240), np.uint8)
    cv2.circle(image, (150, 90), 14, 255, -1)
    matrix = similarity((150, 90), (60, 70), scale, 0.3, False)
    warped = warp(image, matrix, 128, cv2.BORDER_CONSTANT).astype(float)
    v, u = np.mgrid[:128, :128]
    middle = (u * warped).sum() / warped.sum(), (v * warped).sum() / warped.sum()
    assert middle == pytest.approx((60, 70), abs=0.3)


def test_composed_hands_are_where_their_labels_say() -> None:
    dark = Backgrounds([], procedural=1.0)
    source = ComposedScenes([photograph()], dark)
    rng = np.random.default_rng(3)
    hands, sizes, rights = 0, [], []
    for _ in range(60):
        scene = source.draw(160, rng)
        assert scene.image.shape == (160, 160, 3) and scene.image.dtype == np.uint8
        for hand in scene.hands:
            hands += 1
            sizes.append(Region.from_keypoints(hand.uv).size)
            rights.append(hand.is_right)
    assert 60 < hands < 150
    assert min(sizes) < 25 and max(sizes) > 120
    assert 0.3 < np.mean(rights) < 0.7, "half of them mirrored"


def test_mirrored_hands_change_handedness() -> None:
    region = Region.from_keypoints(hand_at(100, 100))
    for seed in range(10):
        matrix, mirror = placement(region, 200, np.random.default_rng(seed))
        assert (np.linalg.det(matrix[:, :2]) < 0) == mirror


class OneScene:
    """A rendered scene with a white disc in the palm of its hand."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Scene:
        image = np.full((120, 160, 3), 60, np.uint8)
        uv = hand_at(80, 60, 50)
        palm = (uv[0] + uv[9]) / 2
        cv2.circle(image, np.round(palm).astype(int).tolist(), 5, (255, 0, 0), -1)
        return Scene(image, [SceneHand(uv, True, 0.8)])


class NoScene(OneScene):
    """A folder that is still empty."""

    def __len__(self) -> int:
        return 0


def test_turned_renders_keep_labels_on_the_hand() -> None:
    source = AugmentedScenes(OneScene())
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(20):
        scene = source.draw(160, rng)
        (hand,) = scene.hands
        palm = np.round((hand.uv[0] + hand.uv[9]) / 2).astype(int)
        if (palm >= 3).all() and (palm < 157).all():
            inside += 1
            r, g, _ = scene.image[palm[1], palm[0]].astype(int)
            assert r > 200 and g < 60
        assert hand.visible == 0.8
    assert inside > 8


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    backgrounds = Backgrounds([])
    source = ComposedScenes([photograph()], backgrounds)
    batches = SceneBatches([(source, 1.0)], backgrounds, 3, sizes=(64,), seed=7)
    first, again, other = batches[4], batches[4], batches[5]
    assert first["image"].shape == (3, 3, 64, 64)
    assert first["score"].shape == (3, 8 * 8 + 4 * 4)
    assert all(bool((first[k] == again[k]).all()) for k in first)
    assert not bool((first["image"] == other["image"]).all())
    (same, after) = loaded(batches, 4, 6, workers=1)
    assert bool((same["image"] == first["image"]).all())
    assert bool((after["image"] == other["image"]).all())


def test_no_photographs_and_no_scenes_are_refused() -> None:
    with pytest.raises(ValueError, match="no photographs"):
        ComposedScenes([], Backgrounds([]))
    with pytest.raises(ValueError, match="no rendered scenes"):
        AugmentedScenes(NoScene())

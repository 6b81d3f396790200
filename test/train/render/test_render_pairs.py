"""Two hands of a person that touch: how they lie, and that default pictures know nothing of it."""

from __future__ import annotations

import numpy as np
import pytest
from rendering import painter_or_skip

from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.scene.instance import HandInstance
from hand_pose_25d_train.render.scene.pairs import ARRANGEMENTS, overlap, sample_pair

PEOPLE = range(10)
Hands = tuple[HandInstance, HandInstance]


def pairs_of(kind: str) -> list[Hands]:
    return [
        sample_pair(hand_shape(person), bool(person % 2), np.random.default_rng(person), kind)
        for person in PEOPLE
    ]


def out_of_palm(hand: HandInstance) -> np.ndarray:
    return hand.rotation @ [0, 0, 1.0]


def palm(hand: HandInstance) -> np.ndarray:
    return hand.keypoints[[0, 5, 9, 13, 17]].mean(0)


@pytest.mark.parametrize("kind", list(ARRANGEMENTS))
def test_they_are_a_persons_two_hands_and_no_hand_is_in_the_other(kind: str) -> None:
    for first, second in pairs_of(kind):
        assert first.is_right != second.is_right and first.shape is second.shape
        for hand in (first, second):
            np.testing.assert_allclose(hand.rotation @ hand.rotation.T, np.eye(3), atol=1e-9)
            assert np.linalg.det(hand.rotation) == pytest.approx(1)
    depths = [1000 * overlap(*pair) for pair in pairs_of(kind)]
    assert np.median(depths) < 6 and max(depths) < 16


@pytest.mark.parametrize("kind", ["palms", "on_top", "interlocked", "fingertips"])
def test_they_touch(kind: str) -> None:
    gaps = [-1000 * overlap(*pair) for pair in pairs_of(kind)]
    assert np.median(gaps) < 8
    assert np.mean(np.array(gaps) < 8) > 0.5


def test_palms_face_each_other() -> None:
    for first, second in pairs_of("palms"):
        assert out_of_palm(first) @ out_of_palm(second) < -0.9
        assert out_of_palm(first) @ (palm(second) - palm(first)) > 0.02


def test_a_palm_lies_on_the_back_of_the_other_hand() -> None:
    for first, second in pairs_of("on_top"):
        assert out_of_palm(first) @ out_of_palm(second) > 0.9
        assert out_of_palm(first) @ (palm(second) - palm(first)) < -0.02


def test_what_is_held_is_before_the_palm_that_holds() -> None:
    for first, second in pairs_of("holding"):
        held = np.vstack([first.keypoints, first.vertices])
        local = (held - second.translation) @ second.rotation
        length = second.shape.length
        grasped = (local[:, 2] > 0) & (np.abs(local[:, 0]) < 0.06) & (local[:, 2] < 0.12)
        grasped &= (local[:, 1] > 0) & (local[:, 1] < length)
        assert grasped.sum() > 50


def test_fingers_pass_between_those_of_the_other_hand() -> None:
    for first, second in pairs_of("interlocked"):
        for one, other in ((first, second), (second, first)):
            tips = (one.keypoints[[8, 12, 16, 20]] - other.translation) @ other.rotation
            wrist = (one.keypoints[0] - other.translation) @ other.rotation
            assert wrist[2] > 0.02, "the wrist is on the palm's side"
            assert tips[:, 2].mean() < wrist[2] - 0.02


def test_at_the_tips_only_the_fingers_touch() -> None:
    for first, second in pairs_of("fingertips"):
        tips = [hand.keypoints[[8, 12, 16, 20]] for hand in (first, second)]
        assert np.linalg.norm(tips[0] - tips[1], axis=1).min() < 0.03
        assert np.linalg.norm(first.keypoints[0] - second.keypoints[0]) > 0.05


def test_crops_and_scenes_show_pairs_where_they_are_asked_for(monkeypatch) -> None:
    from hand_pose_25d_train.render.scene.crops import render_crop
    from hand_pose_25d_train.render.scene.scenes import render_scene

    painter, shown = painter_or_skip(), []
    for share in (0.0, 1.0):
        monkeypatch.setattr(painter, "pairs", share)
        shown.append(sum(len(render_crop(painter, seed, 96).hands) for seed in range(30)))
    assert shown[0] < 36 < 45 < shown[1]
    both = [render_scene(painter, seed, (160, 120)).hands for seed in range(24)]
    distances = [
        np.linalg.norm(hands[0].keypoints[:, None] - hands[1].keypoints[None], axis=-1).min()
        for hands in both
        if len(hands) == 2
    ]
    assert sum(distance < 0.05 for distance in distances) >= 4

"""People at a distance: how far, how large their hands are, and what crops of such hands show."""

from __future__ import annotations

import numpy as np
import pytest
from rendering import assert_others_do_not_change, painted_shots, painter_or_skip

from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.draws import log_uniform
from hand_pose_25d_train.render.scene.crops import render_crop
from hand_pose_25d_train.render.scene.far import (
    WORK,
    far_person,
    share_inside,
    working_arm,
)
from hand_pose_25d_train.render.scene.movement import box_side
from hand_pose_25d_train.render.scene.people import Person
from hand_pose_25d_train.render.scene.scenes import render_scene
from hand_pose_25d_train.render.scene.staging import move


@pytest.fixture
def far_painter(monkeypatch):
    """A painter that is asked for far people alone, and the shots that it painted."""
    painter = painter_or_skip()
    shots = painted_shots(painter, monkeypatch)
    monkeypatch.setattr(painter, "far", 1.0)
    return painter, shots


def distance(person: Person) -> float:
    chest = hand_shape(person.posed.seed).person.joints["spine-2"] * [0, 1, 1]
    return float(np.linalg.norm(person.place(chest)))


def test_scenes_show_whole_people_2_to_6_metres_away(far_painter) -> None:
    painter, shots = far_painter
    labelled = []
    for seed in range(16):
        scene = render_scene(painter, seed, (640, 480))
        labelled += [max(hand.box[2:]) for hand in scene.hands]
    people = [(staged.person, shot) for shot in shots for staged in shot.people]
    distances = np.array([distance(person) for person, _ in people])
    assert 16 <= len(people) <= 32
    assert distances.min() >= 2 and distances.max() <= 6
    assert 2.6 < np.median(distances) < 4.6
    shares = [share_inside(person, shot.K, shot.size) for person, shot in people]
    assert np.mean(np.array(shares) > 0.99) > 0.75 and min(shares) > 0.5
    assert len(labelled) > 12 and 12 < np.median(labelled) < 60
    for shot in shots:  # nobody stands in another
        places = [staged.person.translation[[0, 2]] for staged in shot.people]
        assert len(places) < 2 or np.linalg.norm(places[0] - places[1]) >= 0.7


def test_crops_are_enlarged_from_hands_of_16_to_50_pixels(far_painter) -> None:
    painter, shots = far_painter
    count = 0
    for seed in range(14):
        shots.clear()
        crop = render_crop(painter, seed, 160)
        assert crop.image.shape == (160, 160, 3)
        if not crop.hands:
            continue
        count += 1
        shot, first = shots[-1], crop.hands[0]
        assert 2 <= distance(shot.people[0].person) <= 6
        sizes = {hand.is_right: box_side(hand, shot.K) / shot.reduced for hand in shot.hands}
        assert 15.9 < sizes[first.is_right] < 50.1
        # The hand fills the crop as any other does.
        assert 40 < max(first.box[2:]) < 175
        uv = first.keypoints @ crop.K.T
        np.testing.assert_allclose(uv[:, :2] / uv[:, 2:], first.uv, atol=1e-6)
        assert first.visibility.sum() >= 3 and first.mask.any()
        seen = first.uv[first.visibility].round().astype(int).clip(0, 159)
        around = [first.mask[max(v - 3, 0) : v + 4, max(u - 3, 0) : u + 4].any() for u, v in seen]
        assert np.mean(around) > 0.9
        assert [hand.hand_id for hand in crop.hands] == list(range(len(crop.hands)))
    assert count >= 11


def test_a_crops_hand_is_the_scenes(far_painter) -> None:
    """The virtual camera only rotates: distances and bones stay."""
    painter, shots = far_painter
    for seed in (1, 2):
        crop = render_crop(painter, seed, 96)
        hands = {hand.is_right: hand for hand in shots[-1].hands}
        for hand in crop.hands:
            np.testing.assert_allclose(
                np.linalg.norm(hand.keypoints, axis=1),
                np.linalg.norm(hands[hand.is_right].keypoints, axis=1),
            )


def test_pictures_without_a_hand_are_enlarged_too(far_painter, monkeypatch) -> None:
    painter, _ = far_painter
    monkeypatch.setattr("hand_pose_25d_train.render.scene.crops.NEGATIVES", 1.0)
    edges = []
    for far in (1.0, 0.0):
        monkeypatch.setattr(painter, "far", far)
        crops = [render_crop(painter, seed, 160) for seed in range(16)]
        assert all(crop.hands == [] and crop.image.shape == (160, 160, 3) for crop in crops)
        second = [np.abs(np.diff(crop.image.astype(float), 2, axis=1)).mean() for crop in crops]
        edges.append(np.median(second))
    assert edges[0] < 0.6 * edges[1]


def test_arms_point_hang_and_gesture() -> None:
    rng = np.random.default_rng(0)
    arms = [working_arm(rng, 3) for _ in range(120)]
    for arm in arms:
        assert np.linalg.norm(arm.upper) == pytest.approx(1)
        assert np.linalg.norm(arm.lower) == pytest.approx(1)
    hanging = [arm for arm in arms if arm.hand.mode == "hanging"]
    pointing = [arm for arm in arms if arm.hand.mode == "pointing"]
    assert abs(len(hanging) / 120 - WORK["hanging"]) < 0.15
    assert all(arm.upper[1] < -0.9 and arm.lower[1] < -0.8 for arm in hanging)
    assert min(arm.upper @ arm.lower for arm in pointing) > 0.5
    for arm in pointing:  # the index is the straight finger
        bends = arm.hand.angles[1:, [0, 2, 3]].sum(1)
        assert bends.argmin() == 0 and bends[0] < 0.9 < bends[1:].min()


def test_where_a_person_is_half_outside_is_told() -> None:
    painter = painter_or_skip()
    K = np.array([[400.0, 0, 319.5], [0, 400, 239.5], [0, 0, 1]])
    person = far_person(painter, np.random.default_rng(2), 4.0)
    assert share_inside(person, K, (640, 480)) == 1
    aside = move(person, person.rotation, person.translation + [5, 0, 0])
    assert share_inside(aside, K, (640, 480)) == 0
    numbers = [log_uniform(np.random.default_rng(seed), (2.0, 6.0)) for seed in range(300)]
    assert min(numbers) >= 2 and max(numbers) <= 6
    assert np.median(numbers) == pytest.approx(12**0.5, rel=0.1)


def test_other_pictures_are_the_same(monkeypatch) -> None:
    assert_others_do_not_change(painter_or_skip(), "far", monkeypatch)

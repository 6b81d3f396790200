"""Blur along the motion: how far, in which direction, and that labels are those of its middle."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from rendering import painter_or_skip

from hand_pose_25d_train.datasets.shards import SceneSample
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.gl.drawables import Lighting, Material
from hand_pose_25d_train.render.pose.pose import sample_pose
from hand_pose_25d_train.render.scene import blur
from hand_pose_25d_train.render.scene.instance import instantiate
from hand_pose_25d_train.render.scene.movement import (
    RigidMovement,
    as_rotation,
    box_side,
    path_length,
    sample_rigid,
    sample_shake,
    sample_swing,
    touching_groups,
)
from hand_pose_25d_train.render.scene.people import sample_person
from hand_pose_25d_train.render.scene.shot import OBJECT, Shot
from hand_pose_25d_train.render.scene.staging import move

K = np.array([[300.0, 0, 79.5], [0, 300, 79.5], [0, 0, 1]])
SIZE = (160, 160)
LIGHT = Lighting(np.array([[0.3, -0.4, -0.87]]), np.ones((1, 3)), np.zeros((4, 3)), 0.0)
FLIP = np.diag([1.0, -1, -1])


def a_hand(seed: int = 3, place=(0.0, 0.05, 0.6)):
    shape = hand_shape(3)
    pose = sample_pose(shape, np.random.default_rng(seed), "open")
    return instantiate(shape, pose, True, FLIP, np.array(place))


def moved_points(movement: RigidMovement, points: np.ndarray, time: float) -> np.ndarray:
    rotation, shift = movement.at(time)
    return points @ rotation.T + shift


def share_of_the_box(before: np.ndarray, after: np.ndarray, side: float) -> float:
    return path_length(before, after, K) / side


def measured_way(blurred: np.ndarray, sharp: np.ndarray, length: float) -> float:
    """The direction (rad) in which the sharp image, smeared, is most like the blurred one."""
    angles = np.radians(np.arange(0, 180, 3))
    errors = []
    for angle in angles:
        steps = length * np.linspace(-0.5, 0.5, 25)[:, None] * [np.cos(angle), np.sin(angle)]
        shifted = [
            cv2.warpAffine(sharp, np.array([[1, 0, x], [0, 1, y]]), sharp.shape[::-1])
            for x, y in steps
        ]
        errors.append(((np.mean(shifted, axis=0) - blurred) ** 2).sum())
    return float(angles[np.argmin(errors)])


def apart(one: float, other: float) -> float:
    """Degrees between two directions of lines."""
    return float(np.degrees(abs((one - other + np.pi / 2) % np.pi - np.pi / 2)))


def test_hands_blur_by_5_to_30_percent_of_their_box() -> None:
    shares = []
    for seed in range(40):
        hand = a_hand(seed)
        movement = sample_rigid([hand], K, SIZE, np.random.default_rng(seed))
        assert movement is not None
        np.testing.assert_allclose(moved_points(movement, hand.keypoints, 0), hand.keypoints)
        ends = [moved_points(movement, hand.keypoints, time) for time in (-0.5, 0.5)]
        shares.append(share_of_the_box(*ends, box_side(hand, K)))
    assert min(shares) > 0.045 and max(shares) < 0.315
    assert np.quantile(shares, 0.2) < 0.13 and np.quantile(shares, 0.8) > 0.22


def test_a_persons_arms_swing_and_a_camera_rotates_as_far() -> None:
    painter = painter_or_skip()
    shares, shakes = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        person = sample_person(rng, 4, painter.skins.sample(rng), raised=0.9)
        person = move(person, person.rotation, np.array([0, 1.2, 2.0]))
        swing = sample_swing(person, K, rng)
        if swing is None:
            continue
        middle, *ends = (swing.at(time, person) for time in (0.0, -0.5, 0.5))
        for i, side in enumerate("RL"):
            points = [hands[i].keypoints for hands in (middle.hands, person.hands)]
            np.testing.assert_allclose(*points, atol=1e-9)
            if np.any(swing.turns[side][1]):
                side_px = box_side(middle.hands[i], K)
                shares.append(share_of_the_box(*(end.hands[i].keypoints for end in ends), side_px))
        hand = a_hand(seed)
        turn, length = sample_shake([hand], K, SIZE, rng)
        turned = [hand.keypoints @ as_rotation(time * turn).T for time in (-0.5, 0.5)]
        assert path_length(*turned, K) == pytest.approx(length, rel=0.03)
        shakes.append(length / box_side(hand, K))
    assert len(shares) >= 6
    for found in (shares, shakes):
        assert min(found) > 0.04 and max(found) < 0.32


def test_hands_that_touch_move_as_one() -> None:
    far, near = a_hand(place=(0.4, 0, 0.6)), a_hand(place=(0.0, 0.05, 0.62))
    assert touching_groups([a_hand(), far, near]) == [[1], [0, 2]]
    assert touching_groups([a_hand(), near]) == [[0, 1]] and touching_groups([]) == []


@pytest.mark.parametrize("degrees", [0, 35, 90, 150])
@pytest.mark.parametrize("pixels", [8.0, 20.0])
def test_the_blur_is_along_the_motion_and_the_label_in_its_middle(degrees, pixels) -> None:
    painter, hand = painter_or_skip(), a_hand()
    angle = np.radians(degrees)
    way = pixels * hand.keypoints[:, 2].mean() / K[0, 0]
    shift = way * np.array([np.cos(angle), np.sin(angle), 0])
    movement = RigidMovement(hand.keypoints[0], np.zeros(3), shift)
    shot = Shot([hand], K, SIZE, 0)
    mover = blur.RigidMover((0,), movement)
    track = blur.track_of(mover, shot)
    assert np.linalg.norm(track[2] - track[0]) == pytest.approx(pixels, rel=0.01)
    meshes = [hand.mesh(Material(tint=(0.8, 0.6, 0.5), detail=0.6, detail_scale=900), 1)]
    still, moving = (
        blur.draw_moving(painter.drawer, meshes, LIGHT, shot, what)
        for what in (None, blur.MotionBlur((mover,), (track,), None, pixels))
    )
    np.testing.assert_array_equal(moving.ident, still.ident)
    np.testing.assert_array_equal(moving.depth, still.depth)
    one, other = (drawing.radiance[..., 1] for drawing in (still, moving))
    assert apart(measured_way(other, one, pixels), angle) < 7
    y, x = np.mgrid[:160, :160]
    middles = [
        np.array([(x * alpha).sum(), (y * alpha).sum()]) / alpha.sum()
        for alpha in (still.radiance[..., 3], moving.radiance[..., 3])
    ]
    assert np.linalg.norm(middles[0] - middles[1]) < 0.04 * pixels
    assert moving.radiance[..., 3].sum() == pytest.approx(still.radiance[..., 3].sum(), rel=0.02)


def test_drawn_motions_blur_along_themselves() -> None:
    painter, errors = painter_or_skip(), []
    for seed in range(12):
        hand = a_hand(seed)
        movement = sample_rigid([hand], K, SIZE, np.random.default_rng(seed))
        assert movement is not None
        shot = Shot([hand], K, SIZE, 0)
        mover = blur.RigidMover((0,), movement)
        track = blur.track_of(mover, shot)
        meshes = [hand.mesh(Material(detail=0.6), 1)]
        way = (track[2] - track[0])[0]
        length = float(np.linalg.norm(way))
        still, moving = (
            blur.draw_moving(painter.drawer, meshes, LIGHT, shot, what).radiance[..., 1]
            for what in (None, blur.MotionBlur((mover,), (track,), None, length))
        )
        found = measured_way(moving, still, length)
        errors.append(apart(found, np.arctan2(way[1], way[0])))
    assert np.median(errors) < 8 and np.quantile(errors, 0.8) < 20


def test_a_shaken_picture_stays_where_it_was() -> None:
    image = np.zeros((160, 160, 3), np.float32)
    image[60:66, 90:96] = 1
    turn = np.array([0.02, 0.05, 0.0])
    shaken = blur.shaken(image, K, blur.MotionBlur(shake=turn, length=16.0))[..., 0]
    y, x = np.mgrid[:160, :160]
    middle = np.array([(x * shaken).sum(), (y * shaken).sum()]) / shaken.sum()
    np.testing.assert_allclose(middle, [92.5, 62.5], atol=0.3)
    assert np.ptp(np.flatnonzero(shaken.max(0) > 0.01)) > 15
    # About y to the right, about x upwards.
    assert apart(measured_way(shaken, image[..., 0], 16.0), np.arctan2(-0.02, 0.05)) < 6
    assert blur.shaken(image, K, blur.MotionBlur()) is image


def test_pictures_blur_where_it_is_asked_for_and_are_otherwise_the_same(monkeypatch) -> None:
    from hand_pose_25d_train.render.scene.crops import render_crop
    from hand_pose_25d_train.render.scene.scenes import render_scene

    painter = painter_or_skip()

    def pictures() -> list:
        crops = [render_crop(painter, seed, 64) for seed in range(8)]
        return crops + [render_scene(painter, seed, (128, 96)) for seed in range(6)]

    plain = pictures()
    monkeypatch.setattr(painter, "motion_blur", 1.0)
    blurred, sharper = pictures(), []
    for one, other in zip(plain, blurred, strict=True):
        assert len(one.hands) == len(other.hands)
        for a, b in zip(one.hands, other.hands, strict=True):
            np.testing.assert_array_equal(a.keypoints, b.keypoints)
            np.testing.assert_array_equal(a.mask, b.mask)
        if one.hands:
            sharper.append(not np.array_equal(one.image, other.image))
    assert all(sharper) and len(sharper) >= 8
    monkeypatch.setattr(painter, "motion_blur", 1e-9)
    for one, other in zip(plain, pictures(), strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_no_hand_moves_without_its_arm(monkeypatch) -> None:
    """Hands that are no person's have a forearm of their own in the picture."""
    from hand_pose_25d_train.render.scene.scenes import render_scene

    painter, shots = painter_or_skip(), []

    def noted(shot, rng):
        shots.append(shot)
        return SceneSample(np.zeros((1, 1, 3), np.uint8), shot.K, [], shot.seed)

    monkeypatch.setattr(painter, "paint", noted)
    for seed in range(40):
        render_scene(painter, seed, SIZE)
    free = persons = 0
    for shot in shots:
        in_people = {i for staged in shot.people for i in (staged.first, staged.first + 1)}
        idents = {mesh.ident for mesh in shot.extras}
        for i in range(len(shot.hands)):
            if i in in_people:
                persons += 1
            else:
                free += 1
                assert OBJECT + i in idents
    assert free > 15 and persons > 15

"""Inference: crops there and back, mirrored ones too, and covariances in the right frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dot_hands import DotNetwork, draw, make_hand

from hand_pose_25d import BoneLengthPrior, Camera, Region
from hand_pose_25d.inference.landmarks import hand_pose, look, lost_hand, solve
from hand_pose_25d.inference.pose_network import load_pose_network

CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)
PRIOR = BoneLengthPrior.exact(BoneLengthPrior.default().mean)


def views_of(hands: list[np.ndarray], mirror: list[bool]):
    runtime = load_pose_network(DotNetwork(), "cpu")
    regions = [Region.from_keypoints(CAMERA.project(h)) for h in hands]
    return look(runtime, draw(hands, CAMERA), CAMERA, regions, mirror)


def test_mirrored_crops_say_the_same_of_the_image():
    truth = make_hand((0.05, 0.0, 0.5))
    plain, mirrored = views_of([truth], [False]), views_of([truth], [True])
    np.testing.assert_allclose(plain.keypoints_2d, mirrored.keypoints_2d, atol=1.0)
    np.testing.assert_allclose(
        plain.prediction.uv[..., 0], 255 - mirrored.prediction.uv[..., 0], atol=1.0
    )
    # The crop's side is turned; the image's is not.
    assert plain.prediction.right[0] > 0.9 > 0.1 > mirrored.prediction.right[0]
    np.testing.assert_allclose(plain.right, mirrored.right, atol=1e-6)
    poses = [solve(v, PRIOR) for v in (plain, mirrored)]
    np.testing.assert_allclose(poses[0].keypoints, poses[1].keypoints, atol=0.01)


def test_a_mirrored_covariance_leans_the_other_way():
    truth = make_hand((0.0, 0.0, 0.5))
    leaning = np.tile(np.array([[4.0, 3.0], [3.0, 4.0]]), (1, 21, 1, 1))
    covariances = []
    for mirror in (False, True):
        views = views_of([truth], [mirror])
        views = replace(views, prediction=replace(views.prediction, uv_covariance=leaning))
        covariances.append(solve(views, PRIOR).covariance[0, 8])
    assert np.sign(covariances[0][0, 1]) == -np.sign(covariances[1][0, 1])


def test_covariance_is_largest_along_the_viewing_ray():
    truth = make_hand((0.2, 0.05, 0.6))
    views = views_of([truth], [False])
    prior = BoneLengthPrior.default()
    poses = solve(views, prior)
    values, vectors = np.linalg.eigh(poses.covariance[0, 0])
    ray = truth[0] / np.linalg.norm(truth[0])
    assert abs(vectors[:, 2] @ ray) > 0.99 and values[2] > 10 * values[1]


def test_rows_can_be_chosen_and_none_at_all():
    hands = [make_hand((-0.15, 0, 0.6), False), make_hand((0.15, 0, 0.6))]
    views = views_of(hands, [True, False])
    second = views[[1]]
    assert len(second) == 1 and second.regions == [views.regions[1]]
    np.testing.assert_array_equal(second.keypoints_2d[0], views.keypoints_2d[1])
    np.testing.assert_array_equal(second.right, views.right[1:])
    empty = views[[]]
    assert len(empty) == 0 and empty.right.shape == (0,) and empty.scores.shape == (0,)
    poses = solve(empty, PRIOR)
    assert poses.keypoints.shape == (0, 21, 3) and poses.covariance.shape == (0, 21, 3, 3)
    none = views_of([], [])
    assert none.keypoints_2d.shape == (0, 21, 2)


def test_what_cannot_be_solved_is_nan():
    views = views_of([make_hand()], [False])
    unknown = replace(views.prediction, uv=np.full((1, 21, 2), np.nan))
    poses = solve(replace(views, prediction=unknown), PRIOR)
    assert np.isnan(poses.keypoints).all() and np.isnan(poses.scale).all()


@pytest.mark.parametrize(("right", "side", "score"), [(0.9, "right", 0.9), (0.2, "left", 0.8)])
def test_hands_of_both_kinds(right, side, score):
    views = views_of([make_hand()], [False])
    hand = hand_pose(views, solve(views, PRIOR), 0, right)
    assert hand.handedness == side and hand.handedness_score == pytest.approx(score)
    lost = lost_hand(Region((10.0, 20.0), 12.5), right)
    assert (lost.handedness, lost.state, lost.score) == (side, "lost", 0.0)
    assert lost.box == pytest.approx((5.0, 15.0, 10.0, 10.0))
    assert np.isnan(lost.keypoints).all() and np.isnan(lost.covariance).all()

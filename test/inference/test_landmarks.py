"""Landmarks: crops there and back, mirrored ones too, and covariances in the right frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dot_hands import DotNetwork, draw, make_hand

from hand_pose_25d import BoneLengthPrior, Camera, Region
from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.roi import center_distance
from hand_pose_25d.inference.landmarks import lost_hand, predict_landmarks
from hand_pose_25d.inference.metric_poses import hand_pose, solve
from hand_pose_25d.inference.pose_network import load_pose_network

CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)
PRIOR = BoneLengthPrior.exact(BoneLengthPrior.default().mean)


def landmarks_of(hands: list[np.ndarray], mirror: list[bool]):
    runtime = load_pose_network(DotNetwork(), "cpu")
    regions = [Region.from_keypoints(CAMERA.project(h)) for h in hands]
    return predict_landmarks(runtime, Frame(draw(hands, CAMERA), CAMERA), regions, mirror)


def test_mirrored_crops_give_the_same_pose():
    truth = make_hand((0.05, 0.0, 0.5))
    plain, mirrored = landmarks_of([truth], [False]), landmarks_of([truth], [True])
    np.testing.assert_allclose(plain.keypoints_2d, mirrored.keypoints_2d, atol=1.0)
    np.testing.assert_allclose(
        plain.prediction.uv[..., 0], 255 - mirrored.prediction.uv[..., 0], atol=1.0
    )
    # The crop's handedness is mirrored; the image's is not.
    assert plain.prediction.p_right[0] > 0.9 > 0.1 > mirrored.prediction.p_right[0]
    np.testing.assert_allclose(plain.p_right, mirrored.p_right, atol=1e-6)
    poses = [solve(v, PRIOR) for v in (plain, mirrored)]
    np.testing.assert_allclose(poses[0].keypoints, poses[1].keypoints, atol=0.01)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("unseen", [(4,), (0, 17, 18), tuple(range(10)), tuple(range(21))])
def test_keypoints_beyond_the_lens_are_extended(mirror, unseen):
    found = landmarks_of([make_hand((0.05, 0.0, 0.5), roll=0.6)], [mirror])
    assert found.extended_2d is found.keypoints_2d
    partly = found.keypoints_2d.copy()
    partly[0, list(unseen)] = np.nan
    extended = replace(found, keypoints_2d=partly).extended_2d[0]
    seen = np.setdiff1d(np.arange(21), unseen)
    np.testing.assert_array_equal(extended[seen], found.keypoints_2d[0, seen])
    # A crop is nearly a rotated and scaled part of the image: the rest is off by its perspective.
    off = np.linalg.norm(extended - found.keypoints_2d[0], axis=-1).max()
    assert off < 0.03 * found.regions[0].size
    part, whole = (Region.from_keypoints(k) for k in (extended, found.keypoints_2d[0]))
    assert center_distance(part, whole) < 0.02 and abs(part.angle - whole.angle) < 0.05


def test_a_mirrored_covariance_leans_the_other_way():
    truth = make_hand((0.0, 0.0, 0.5))
    leaning = np.tile(np.array([[4.0, 3.0], [3.0, 4.0]]), (1, 21, 1, 1))
    covariances = []
    for mirror in (False, True):
        found = landmarks_of([truth], [mirror])
        found = replace(found, prediction=replace(found.prediction, uv_covariance=leaning))
        covariances.append(solve(found, PRIOR).covariance[0, 8])
    assert np.sign(covariances[0][0, 1]) == -np.sign(covariances[1][0, 1])


def test_covariance_is_largest_along_the_viewing_ray():
    truth = make_hand((0.2, 0.05, 0.6))
    found = landmarks_of([truth], [False])
    prior = BoneLengthPrior.default()
    poses = solve(found, prior)
    values, vectors = np.linalg.eigh(poses.covariance[0, 0])
    ray = truth[0] / np.linalg.norm(truth[0])
    assert abs(vectors[:, 2] @ ray) > 0.99 and values[2] > 10 * values[1]


def test_rows_can_be_chosen_and_none_at_all():
    hands = [make_hand((-0.15, 0, 0.6), False), make_hand((0.15, 0, 0.6))]
    found = landmarks_of(hands, [True, False])
    second = found[[1]]
    assert len(second) == 1 and second.regions == [found.regions[1]]
    np.testing.assert_array_equal(second.keypoints_2d[0], found.keypoints_2d[1])
    np.testing.assert_array_equal(second.p_right, found.p_right[1:])
    empty = found[[]]
    assert len(empty) == 0 and empty.p_right.shape == (0,) and empty.scores.shape == (0,)
    poses = solve(empty, PRIOR)
    assert poses.keypoints.shape == (0, 21, 3) and poses.covariance.shape == (0, 21, 3, 3)
    none = landmarks_of([], [])
    assert none.keypoints_2d.shape == (0, 21, 2)


def test_what_cannot_be_solved_is_nan():
    found = landmarks_of([make_hand()], [False])
    unknown = replace(found.prediction, uv=np.full((1, 21, 2), np.nan))
    poses = solve(replace(found, prediction=unknown), PRIOR)
    assert np.isnan(poses.keypoints).all() and np.isnan(poses.scale).all()


@pytest.mark.parametrize(("p_right", "name", "score"), [(0.9, "right", 0.9), (0.2, "left", 0.8)])
def test_seen_and_lost_hands(p_right, name, score):
    found = landmarks_of([make_hand()], [False])
    hand = hand_pose(found, solve(found, PRIOR), 0, p_right)
    assert hand.handedness == name and hand.handedness_score == pytest.approx(score)
    lost = lost_hand(Region((10.0, 20.0), 12.5), p_right)
    assert (lost.handedness, lost.state, lost.score) == (name, "lost", 0.0)
    assert lost.box == pytest.approx((5.0, 15.0, 10.0, 10.0))
    assert np.isnan(lost.keypoints).all() and np.isnan(lost.covariance).all()

"""Gestures: angles that were bent in, distances, sigmas that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_hands import hand_pose

from hand_pose_25d.geometry.gestures import hand_gesture, independent_joint
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import FINGERS
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise, noisy_observation

TINY = independent_joint(np.tile(1e-6 * np.eye(3), (21, 1, 1)))


def bent_hand(angles: np.ndarray, is_right: bool = True) -> np.ndarray:
    """A hand whose fingers are bent by (4, 3) radians: palm to the camera, fingers up."""
    points = np.zeros((21, 3))
    points[list(FINGERS["thumb"])] = [[0.03, -0.02, 0], [0.05, -0.05, 0], [0.06, -0.08, 0],
                                      [0.06, -0.11, 0]]  # fmt: skip
    for i, finger in enumerate(("index", "middle", "ring", "little")):
        knuckle, *rest = FINGERS[finger]
        # Straight behind the wrist's middle: no spread, which would count as nothing anyway.
        points[knuckle] = [(1 - i) * 0.02, -0.09, 0.0]
        pitch, before = 0.0, points[knuckle]
        for keypoint, angle in zip(rest, angles[i], strict=True):
            pitch += angle
            before = before + 0.03 * np.array([0.0, -np.cos(pitch), -np.sin(pitch)])
            points[keypoint] = before
    if not is_right:
        points[:, 0] *= -1
    return points + (0.0, 0.05, 0.6)


@pytest.mark.parametrize("is_right", [True, False], ids=["right", "left"])
@pytest.mark.parametrize(
    ("angles", "closure"),
    [
        (np.zeros((4, 3)), 0.0),
        (np.full((4, 3), np.radians(-5)), 0.0),
        (np.radians([[0, 60, 30]] * 4), 70 / 210),
        (np.radians([[80, 90, 60]] * 4), 1.0),
        (np.radians([[85, 95, 70]] * 4), 1.0),
        (np.radians([[0, 0, 0], [80, 90, 60], [80, 90, 60], [80, 90, 60]]), (172.5 - 20) / 210),
    ],
)
def test_angles_come_back(angles, closure, is_right):
    gesture = hand_gesture(bent_hand(angles, is_right), TINY, is_right)
    assert gesture.finger_angles[1:] == pytest.approx(angles, abs=1e-9)
    assert gesture.closure == pytest.approx(closure, abs=1e-9)
    assert np.degrees(gesture.finger_angles[0]) == pytest.approx([22.62, 15.26, 18.43], abs=0.01)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(-3, 3), st.floats(0.2, 2.0))
def test_the_hands_place_does_not_matter(seed, turn, distance):
    rng = np.random.default_rng(seed)
    points = sample_hands(BoneLengthPrior.default(), 1, rng, (0.6, 0.6)).keypoints[0]
    cos, sin = np.cos(turn), np.sin(turn)
    moved = points @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) + (0.1, 0, distance)
    first, second = (hand_gesture(p, TINY, True) for p in (points, moved))
    assert second.pinch_distance == pytest.approx(first.pinch_distance, abs=1e-9)
    assert second.closure == pytest.approx(first.closure, abs=1e-6)
    difference = np.remainder(second.finger_angles - first.finger_angles + np.pi, 2 * np.pi)
    assert difference == pytest.approx(np.full((5, 3), np.pi), abs=1e-6)
    assert second.pinch_distance_sigma == pytest.approx(np.sqrt(2) * 1e-3, rel=1e-4)


def test_sigmas_hold():
    rng = np.random.default_rng(0)
    prior = BoneLengthPrior.default()
    hands = sample_hands(prior, 150, rng, (0.6, 0.6))
    found = noisy_observation(hands, Noise(), rng).solve(prior)
    errors, independent = [], []
    for points, truth, joint, own, is_right in zip(
        found.keypoints, hands.keypoints, found.joint_covariance, found.covariance,
        hands.is_right, strict=True,
    ):  # fmt: skip
        seen, true = (hand_gesture(p, joint, bool(is_right)) for p in (points, truth))
        bend = np.remainder(seen.finger_angles - true.finger_angles + np.pi, 2 * np.pi) - np.pi
        pinch = (seen.pinch_distance - true.pinch_distance) / seen.pinch_distance_sigma
        errors.append([pinch, *(bend / seen.finger_angles_sigma).ravel()])
        alone = hand_gesture(points, independent_joint(own), bool(is_right))
        independent.append(alone.pinch_distance_sigma / seen.pinch_distance_sigma)
    inside = (np.abs(errors) < 1.96).mean(0)
    assert inside.min() > 0.85 and 0.92 < inside.mean() < 0.97
    assert np.median(independent) > 3, "what all keypoints share is no matter of the pinch"


def test_what_is_not_known_is_nan_and_costs_nothing_else():
    points = bent_hand(np.full((4, 3), 0.4))
    points[8] = np.nan
    covariance = np.tile(1e-6 * np.eye(3), (21, 1, 1))
    covariance[8] = np.nan
    gesture = hand_gesture(points, independent_joint(covariance), True)
    assert np.isnan([gesture.pinch_distance, gesture.pinch_distance_sigma, gesture.closure]).all()
    unknown = np.zeros((5, 3), bool)
    unknown[1, 2] = True
    assert (np.isnan(gesture.finger_angles) == unknown).all()
    assert (np.isnan(gesture.finger_angles_sigma) == unknown).all()


def test_a_hand_has_its_gesture():
    hand = hand_pose(bent_hand(np.full((4, 3), 0.5)))
    assert hand.gesture.closure == pytest.approx((np.degrees(1.5) - 20) / 210, abs=1e-9)
    assert hand.gesture.pinch_distance_sigma == pytest.approx(np.sqrt(2) * 0.01, rel=1e-4)
    sure = hand_pose(bent_hand(np.full((4, 3), 0.5)), joint_covariance=TINY).gesture
    assert sure.pinch_distance_sigma == pytest.approx(np.sqrt(2) * 1e-3, rel=1e-4)


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(21, 3\), got \(20, 3\)"):
        hand_gesture(np.zeros((20, 3)), TINY, True)

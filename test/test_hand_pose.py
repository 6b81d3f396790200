"""HandPose: identity, the JSON record, and the wrist's frame."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from dot_hands import make_hand
from seen_hands import hand_pose

from hand_pose_25d import Region
from hand_pose_25d.geometry.wrist_frame import independent, wrist_covariance, wrist_rotation
from hand_pose_25d.inference.landmarks import lost_hand


def test_hands_compare_by_identity():
    first, second = hand_pose(make_hand()), hand_pose(make_hand())
    assert first in [second, first] and first not in [second]
    assert len({first, second}) == 2


@pytest.mark.parametrize("handedness", ["left", "right"])
def test_the_wrist_pose_is_that_of_the_keypoints(handedness):
    is_right = handedness == "right"
    hand = hand_pose(make_hand(right=is_right, roll=0.4), handedness=handedness)
    pose = hand.wrist_pose
    np.testing.assert_array_equal(pose.position, hand.keypoints[0])
    np.testing.assert_array_equal(pose.rotation, wrist_rotation(hand.keypoints, is_right))
    expected = wrist_covariance(hand.keypoints, independent(hand.covariance), is_right)
    np.testing.assert_array_equal(pose.covariance, expected)
    together = np.tile(np.diag([1e-4, 4e-4, 9e-4]), (4, 4))  # all four keypoints move alike
    moved = replace(hand, palm_covariance=together).wrist_pose.covariance
    np.testing.assert_allclose(moved[:3, :3], np.diag([1e-4, 4e-4, 9e-4]))
    np.testing.assert_allclose(moved[3:], 0.0, atol=1e-12)
    # The middle finger's MCP lies on the wrist's x axis.
    reach = np.linalg.norm(hand.keypoints[9] - hand.keypoints[0])
    tip = pose.rotation @ (reach, 0.0, 0.0) + pose.position
    np.testing.assert_allclose(tip, hand.keypoints[9], atol=1e-12)
    x, y, z, w = pose.quaternion
    assert w >= 0 and x * x + y * y + z * z + w * w == pytest.approx(1)
    assert 1 - 2 * (y * y + z * z) == pytest.approx(pose.rotation[0, 0])


def test_an_unknown_wrist_pose_is_nan():
    pose = lost_hand(Region((10.0, 10.0), 20.0), 0.9).wrist_pose
    for values in (pose.position, pose.rotation, pose.covariance, pose.quaternion):
        assert np.isnan(values).all()
    assert pose.covariance.shape == (6, 6)


def test_to_dict_is_json_with_rounded_numbers():
    hand = hand_pose(make_hand(), track_id=3, confidence=np.full(21, 1 / 3))
    record = hand.to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["track_id"], record["handedness"], record["state"]) == (3, "right", "detected")
    np.testing.assert_allclose(record["keypoints"], hand.keypoints, atol=6e-6)
    assert record["confidence"] == [0.333] * 21
    assert record["deviation"][0] == [0.01] * 3
    points = hand.keypoints.copy()
    points[4] = np.nan
    partly = replace(hand, keypoints=points).to_dict()
    assert partly["keypoints"][4] == [None] * 3 and None not in partly["keypoints"][5]

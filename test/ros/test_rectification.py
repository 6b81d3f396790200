"""Raw and rectified images of one camera show a hand in one place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from conftest import camera_info
from dot_hands import make_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_hands import hand_pose
from std_msgs.msg import Header

from hand_pose_25d.io.rectification import rectification, rotated
from hand_pose_25d.ros.cameras import CameraInfos, camera_from_info

TILT = cv2.Rodrigues(np.radians([0.3, 1.0, -0.2]))[0]


def tilted_info(rotation: np.ndarray = TILT):
    """CameraInfo of a lens with distortion, whose rectified image is tilted by a degree."""
    info = camera_info(640, 480, 500.0)
    info.d = [-0.2, 0.05, 1e-3, -5e-4, 0.0]
    info.r = [float(v) for v in rotation.ravel()]
    info.p = [480.0, 0.0, 322.0, 0.0, 0.0, 480.0, 236.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def test_a_pixel_and_its_rectified_one_lie_on_one_ray():
    info = tilted_info()
    K, P = np.array(info.k).reshape(3, 3), np.array(info.p).reshape(3, 4)  # noqa: N806
    raw = np.random.default_rng(0).uniform((80, 60), (560, 420), (50, 1, 2))
    rect = cv2.undistortPoints(raw, K, np.array(info.d), R=TILT, P=P)
    rays = [
        np.concatenate([camera_from_info(info, rectified).rays(pixels[:, 0]), np.ones((50, 1))], 1)
        for pixels, rectified in ((raw, False), (rect, True))
    ]
    rotated_rays = rays[0] @ rectification(info.r, False).T
    np.testing.assert_allclose(rotated_rays / rotated_rays[:, 2:], rays[1], atol=1e-5)
    # Without the rotation the same hand lies 11 mm apart at 0.6 m.
    apart = np.linalg.norm(0.6 * (rays[0] - rays[1]), axis=1)
    assert 0.010 < np.median(apart) < 0.012
    assert rectification(info.r, True) is None


@given(st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=3))
@settings(max_examples=40)
def test_a_hand_is_rotated_as_a_whole(angles):
    rotation = cv2.Rodrigues(np.array(angles))[0]
    factor = np.random.default_rng(1).normal(0, 0.01, (12, 12))
    for palm in (None, factor @ factor.T):
        hand = hand_pose(make_hand((0.05, 0.0, 0.6)), palm_covariance=palm)
        hand.wrist_velocity = np.array([0.1, -0.2, 0.3])
        (after,) = rotated([hand], rotation)
        np.testing.assert_allclose(after.keypoints, hand.keypoints @ rotation.T)
        np.testing.assert_array_equal(after.keypoints_2d, hand.keypoints_2d)
        np.testing.assert_allclose(after.wrist_velocity, rotation @ (0.1, -0.2, 0.3))
        before, pose = hand.wrist_pose, after.wrist_pose
        np.testing.assert_allclose(pose.rotation, rotation @ before.rotation, atol=1e-12)
        both = np.kron(np.eye(2), rotation)
        np.testing.assert_allclose(
            pose.covariance, both @ before.covariance @ both.T, rtol=1e-6, atol=1e-9
        )
    assert rotated([hand], None) == [hand]


@pytest.mark.parametrize(
    ("rotation", "used", "said"),
    [
        (np.eye(3), False, []),
        (np.zeros((3, 3)), False, []),
        (TILT, True, []),
        (TILT.round(4), True, []),
        (2 * np.eye(3), False, ["camera rotation"]),
        (np.diag([1.0, 1.0, -1.0]), False, ["camera rotation"]),
        (np.full((3, 3), np.nan), False, ["camera rotation"]),
    ],
)
def test_what_is_no_rotation_is_said_and_not_used(rotation, used, said):
    notes: list[str] = []
    store = CameraInfos(lambda kind, text: notes.append(kind))
    store.add(tilted_info(rotation))
    found = store.rectification(Header(), rectified=False)
    assert (found is not None, notes) == (used, said)
    if found is not None:
        np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(found, TILT, atol=1e-4)

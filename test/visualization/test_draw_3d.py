"""The 3D view: its projection, and what it shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dot_hands import make_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_hands import hand_pose

from hand_pose_25d.skeleton import FINGER_COLORS
from hand_pose_25d.visualization.draw_3d import Viewpoint, draw_3d

ANGLE = st.floats(-1.2, 1.2)


@given(yaw=ANGLE, pitch=ANGLE, z=st.floats(0.2, 3.0))
@settings(max_examples=50)
def test_rotation_is_one_and_the_centre_is_in_the_middle(yaw, pitch, z):
    view = Viewpoint(np.array([0.1, -0.2, z]), 0.2, yaw, pitch)
    np.testing.assert_allclose(view.rotation @ view.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view.rotation) == pytest.approx(1.0)
    pixel, per_metre = view.project(view.center, (400, 300))
    np.testing.assert_allclose(pixel, (200, 150), atol=1e-9)
    # What lies within the radius is within the picture.
    assert per_metre * 0.2 == pytest.approx(0.4 * 300)


def test_from_straight_ahead_it_looks_as_in_the_camera():
    view = Viewpoint(np.array([0.0, 0.0, 0.5]), 0.2, 0.0, 0.0)
    pixels, scale = view.project(
        np.array([[0.1, 0, 0.5], [0, 0.1, 0.5], [0, 0, 0.3], [0, 0, 0.7]]), (400, 400)
    )
    assert pixels[0, 0] > 200 and pixels[1, 1] > 200
    assert scale[2] > scale[3]


def test_from_the_right_what_is_far_is_to_the_right_and_from_above_higher():
    view = Viewpoint(np.array([0.0, 0.0, 0.5]), 0.2)
    near, far = view.project(np.array([[0, 0, 0.4], [0, 0, 0.6]]), (400, 400))[0]
    assert far[0] > near[0] and far[1] < near[1]


def test_a_viewpoint_frames_the_hands():
    hands = [hand_pose(make_hand((-0.2, 0, 0.5))), hand_pose(make_hand((0.2, 0, 0.8)))]
    view = Viewpoint.around(hands)
    for hand in hands:
        pixels, _ = view.project(hand.keypoints, (480, 480))
        assert pixels.min() > 0 and pixels.max() < 480
    empty = Viewpoint.around([])
    assert empty.center[2] == 0.5 and empty.radius > 0


def test_picture_shows_every_finger_and_is_deterministic():
    hand = hand_pose(make_hand())
    picture = draw_3d([hand], (320, 240), labels=False)
    assert picture.shape == (240, 320, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, draw_3d([hand], (320, 240), labels=False))
    for color in FINGER_COLORS.values():
        near = np.abs(picture.astype(int) - color).max(-1) < 30
        assert near.sum() > 20, color
    empty = draw_3d([], (320, 240), labels=False)
    assert (picture != empty).any(-1).mean() > 0.03


def test_hands_without_metres_are_left_out():
    unknown = replace(hand_pose(make_hand()), keypoints=np.full((21, 3), np.nan))
    np.testing.assert_array_equal(draw_3d([unknown], (160, 160)), draw_3d([], (160, 160)))


def test_a_hand_behind_the_viewpoint_breaks_nothing():
    view = Viewpoint(np.array([0.0, 0.0, 2.0]), 0.1)
    assert draw_3d([hand_pose(make_hand())], (160, 160), view).shape == (160, 160, 3)

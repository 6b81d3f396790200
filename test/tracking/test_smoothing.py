"""One filter a track: nothing is mixed, nothing outlives its track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dot_hands import make_hand
from seen_hands import hand_pose

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.landmarks import lost_hand
from hand_pose_25d.tracking.one_euro import OneEuroFilter, OneEuroParameters
from hand_pose_25d.tracking.smoothing import Smoothing

HAND = hand_pose(make_hand(), track_id=1)


def moved(hand, by, track_id=1):
    return replace(hand, keypoints=hand.keypoints + by, track_id=track_id)


def test_each_track_has_its_own_filter():
    smoothing = Smoothing(OneEuroParameters(min_cutoff=0.5, beta=0.0))
    alone = OneEuroFilter(OneEuroParameters(min_cutoff=0.5, beta=0.0))
    for i in range(6):
        step = 0.002 * (-1) ** i
        first, second = smoothing(i / 30, [moved(HAND, step), moved(HAND, 1 + step, 2)])
        expected, covariance = alone(i / 30, HAND.keypoints + step, HAND.covariance)
        np.testing.assert_allclose(first.keypoints, expected)
        np.testing.assert_allclose(first.covariance, covariance)
        np.testing.assert_allclose(second.keypoints, expected + 1)
    assert first.keypoints_2d is HAND.keypoints_2d


def test_off_changes_nothing():
    hands = [HAND, moved(HAND, 1.0, 2)]
    assert Smoothing(False)(0.0, hands) == hands


def test_a_lost_hand_passes_and_an_ended_track_is_forgotten():
    smoothing = Smoothing(True)
    smoothing(0.0, [HAND])
    lost = replace(lost_hand(Region((0.0, 0.0), 10.0), 0.9), track_id=1)
    assert smoothing(0.03, [lost])[0] is lost
    assert not np.array_equal(smoothing(0.07, [moved(HAND, 0.01)])[0].keypoints,
                              HAND.keypoints + 0.01)  # fmt: skip
    smoothing(0.1, [])
    np.testing.assert_array_equal(
        smoothing(0.13, [moved(HAND, 0.02)])[0].keypoints, HAND.keypoints + 0.02
    )
    smoothing.reset()
    np.testing.assert_array_equal(smoothing(0.17, [HAND])[0].keypoints, HAND.keypoints)


def test_wrong_settings_are_named():
    with pytest.raises(TypeError, match="OneEuroParameters, got float"):
        Smoothing(0.5)

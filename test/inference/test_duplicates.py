"""One hand, one answer: when two poses are one hand's, and which of them stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dot_hands import DotNetwork, draw, make_hand
from hands_2d import hand_at

from hand_pose_25d import Camera, Region
from hand_pose_25d.frame import Frame
from hand_pose_25d.inference.duplicates import best_hands, same_hand
from hand_pose_25d.inference.landmarks import predict_landmarks
from hand_pose_25d.inference.pose_network import load_pose_network


@pytest.mark.parametrize(
    ("moved", "unseen", "same"),
    [
        (5.0, (), True),
        (60.0, (), False),
        (0.0, (0,), True),
        (10.0, (3, 4), True),
        (30.0, (3, 4), False),
        (0.0, tuple(range(21)), False),
    ],
)
def test_one_hand_is_known_by_the_keypoints_that_are_finite(moved, unseen, same) -> None:
    there, moved_there = hand_at(300, 240), hand_at(300 + moved, 240)
    moved_there[list(unseen)] = np.nan
    assert same_hand(there, moved_there, 160.0) is same
    there[20] = np.nan
    assert same_hand(there, moved_there, 160.0) is same


def test_one_hand_in_two_crops_is_one_though_partly_beyond_the_lens():
    camera = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)
    hands = [make_hand((0.05, 0.0, 0.5))] * 2
    regions = [Region.from_keypoints(camera.project(hand)) for hand in hands]
    frame = Frame(draw(hands, camera), camera)
    found = predict_landmarks(
        load_pose_network(DotNetwork(), "cpu"), frame, regions, [False, True]
    )
    partly = found.keypoints_2d.copy()
    partly[0, :12], partly[1, 5:] = np.nan, np.nan
    found = replace(found, keypoints_2d=partly)
    best = int(np.argmax(found.scores))
    assert best_hands(found, np.array([True, True]), 2) == [best]
    assert best_hands(found, np.arange(2) != best, 2) == [1 - best]

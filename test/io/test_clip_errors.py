"""Errors against a clip's ground truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dot_hands import make_hand
from seen_hands import CAMERA, hand_pose

from hand_pose_25d.io.clip_errors import compare_with_truth, summarise_errors
from hand_pose_25d.io.clips import CLIP, Clip, load_clip
from hand_pose_25d.io.labelled_hand import LabelledHand


def scene_hand(keypoints, right=True, seen=21) -> LabelledHand:
    return LabelledHand(keypoints, CAMERA.project(keypoints), np.arange(21) < seen, right)


A, B = make_hand((-0.15, 0, 0.6)), make_hand((0.15, 0, 0.6), False)
IMAGES = [[scene_hand(A), scene_hand(B, False)], [scene_hand(A, seen=5)], []]
TRUTH = Clip(Path("clip.mp4"), CAMERA, 10.0, np.arange(3) / 10, IMAGES)


def test_pairs_and_measures():
    moved = A + np.array([0.0, 0.0, 0.03])
    found = [
        [hand_pose(B, handedness="right"), hand_pose(moved)],
        [],
        [hand_pose(A)],
    ]
    errors = compare_with_truth(found, TRUTH)
    assert (errors.to_find, errors.found) == (2, 2)
    assert (errors.false_positives, errors.correct_handedness) == (1, 1)
    assert sorted(errors.metres) == pytest.approx([0.0, 0.03])
    assert sorted(errors.root_depth) == pytest.approx([0.0, 0.03])
    assert max(errors.pixels) < 15 and min(errors.pixels) == 0.0


def test_far_off_is_not_found_and_lost_hands_do_not_count():
    far = hand_pose(make_hand((0.0, 0.25, 0.6)))
    lost = hand_pose(A, state="lost")
    errors = compare_with_truth([[far, lost], [], []], TRUTH)
    assert (errors.found, errors.false_positives, errors.pixels) == (0, 1, [])


def test_one_hand_is_not_found_twice():
    errors = compare_with_truth([[hand_pose(A), hand_pose(A)], [], []], TRUTH)
    assert (errors.found, errors.false_positives) == (1, 1)


def test_stamps_tell_which_images_are_missing():
    errors = compare_with_truth([[], [hand_pose(A)]], TRUTH, [0.2, 0.1])
    assert errors.false_positives == 0 and errors.metres == pytest.approx([0.0])
    assert compare_with_truth([[hand_pose(A)]], TRUTH, [9.9]).false_positives == 0


def test_unknown_metres_are_left_out():
    nowhere = replace(hand_pose(A), keypoints=np.full((21, 3), np.nan))
    errors = compare_with_truth([[nowhere], [], []], TRUTH)
    assert errors.metres == [] and len(errors.pixels) == 1
    assert "1 of 2 hands found" in summarise_errors([[nowhere], [], []], TRUTH)[0]


@pytest.mark.skipif(not CLIP.is_file(), reason="the bundled clip is not in this checkout")
def test_the_bundled_clip_has_its_truth():
    truth = load_clip(CLIP)
    assert len(truth.hands) >= 100 and truth.fps > 0
    hands = [hand for image in truth.hands for hand in image]
    assert {hand.is_right for hand in hands} == {True, False}
    for hand in hands:
        np.testing.assert_allclose(truth.camera.project(hand.keypoints), hand.uv, atol=0.1)
    perfect = [
        [hand_pose(h.keypoints, keypoints_2d=h.uv, handedness="right" if h.is_right else "left")
         for h in image]
        for image in truth.hands
    ]  # fmt: skip
    errors = compare_with_truth(perfect, truth)
    assert errors.false_positives == 0 and errors.found == errors.to_find
    assert errors.correct_handedness == len(hands)

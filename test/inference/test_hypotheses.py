"""Hypotheses: in-plane rotation and handedness of hands that come as mere boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from dot_hands import DotNetwork, draw, make_hand
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d import Camera, Frame, Region
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.hypotheses import complete, filling, refine, region_of, search
from hand_pose_25d.inference.pose_network import load_pose_network

CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)


def detection_of(keypoints: np.ndarray, **changes) -> Detection:
    pixels = CAMERA.project(keypoints)
    low, size = pixels.min(0), np.ptp(pixels, axis=0)
    return Detection((float(low[0]), float(low[1]), float(size[0]), float(size[1])), **changes)


def frame_of(hands: list[np.ndarray]) -> Frame:
    return Frame(draw(hands, CAMERA), CAMERA)


@given(roll=st.floats(-math.pi, math.pi), right=st.booleans())
@settings(max_examples=15)
def test_any_direction_is_found_and_refined(roll, right):
    truth = make_hand((0.0, 0.0, 0.55), right, roll)
    frame, detections = frame_of([truth]), [detection_of(truth)]
    network = load_pose_network(DotNetwork(), "cpu")
    found = search(network, frame, detections)
    assert (found.p_right[0] > 0.5) == right
    better = refine(network, frame, found, detections)
    expected = Region.from_keypoints(CAMERA.project(truth))
    region = better.landmarks.regions[0]
    assert math.dist(region.center, expected.center) < 0.05 * expected.size
    assert region.size == pytest.approx(expected.size, rel=0.06)
    assert abs((region.angle - expected.angle + math.pi) % (2 * math.pi) - math.pi) < 0.08


@pytest.mark.parametrize(
    ("changes", "crops"),
    [
        ({}, [8, 4]),
        ({"p_right": 0.95}, [4, 2]),
        ({"p_right": 0.6}, [8, 4]),
        ({"angle": 0.1}, [2]),
        ({"angle": 0.1, "p_right": 0.02}, [1]),
        ({"angle": 0.1, "p_right": 0.98}, [1]),
    ],
)
def test_only_what_is_unknown_is_tried(changes, crops):
    truth = make_hand((0.0, 0.0, 0.55))
    network = DotNetwork()
    search(load_pose_network(network, "cpu"), frame_of([truth]), [detection_of(truth, **changes)])
    assert network.passes == crops


def test_a_sure_network_overrules_an_unsure_detectors_handedness():
    truth = make_hand((0.0, 0.0, 0.55), right=True)
    unsure = detection_of(truth, p_right=0.3, angle=0.0)
    network = load_pose_network(DotNetwork(), "cpu")
    assert search(network, frame_of([truth]), [unsure]).p_right[0] > 0.9


def test_complete_fills_in_only_what_is_missing():
    hands = [make_hand((-0.15, 0.0, 0.6), False, 0.5), make_hand((0.15, 0.0, 0.6))]
    known = detection_of(hands[1], p_right=0.9, angle=0.0, score=0.8)
    vague = detection_of(hands[0], score=0.7)
    network = DotNetwork()
    runtime = load_pose_network(network, "cpu")
    completed = complete(runtime, frame_of(hands), [known, vague])
    assert completed[0] is known and network.passes == [8, 4]
    assert completed[1].score == 0.7 and completed[1].p_right < 0.1
    expected = Region.from_keypoints(CAMERA.project(hands[0]))
    assert completed[1].region().angle == pytest.approx(expected.angle, abs=0.1)
    assert math.dist(completed[1].region().center, expected.center) < 0.1 * expected.size
    assert complete(runtime, frame_of(hands), []) == []


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ((10, 20), (40, 60), 1.0),
        ((10, 20), (25, 60), 0.5),
        ((25, 20), (55, 60), 1 / 3),
        ((50, 20), (80, 60), 0.0),
        ((10, 20), (10, 20), 0.0),
        ((math.nan, 20), (40, 60), 0.0),
    ],
)
def test_filling_is_the_overlap_of_box_and_hand(low, high, expected):
    points = np.linspace(low, high, 21)
    assert filling(points, (10, 20, 30, 40)) == pytest.approx(expected)


class Shrinking(DotNetwork):
    """Predicts a hand that does not point up far too small, as confidently as any other."""

    def forward(self, images):
        out = super().forward(images)
        uv = out.uv.clone()
        axis = uv[:, 9] - uv[:, 0]
        turned = axis[:, 1] > -0.8 * axis.norm(dim=1)
        middle = uv.mean(dim=1, keepdim=True)
        uv[turned] = (middle + 0.2 * (uv - middle))[turned]
        sure = torch.full_like(out.presence, 4.0)
        return out._replace(uv=uv, presence=sure, right=sure)


@pytest.mark.parametrize("whole_hands", [True, False])
def test_a_hand_that_does_not_fill_its_box_is_doubtful(whole_hands):
    truth = make_hand((0.0, 0.0, 0.55), True, roll=math.pi / 2)
    network = load_pose_network(Shrinking(), "cpu")
    detection = detection_of(truth, p_right=0.99)
    found = search(network, frame_of([truth]), [detection], whole_hands)
    error = np.linalg.norm(found.landmarks.keypoints_2d[0] - CAMERA.project(truth), axis=1).mean()
    assert (error < 2) == whole_hands


def test_region_of_falls_back():
    otherwise = Region((1.0, 2.0), 3.0)
    assert region_of(np.full((21, 2), np.nan), otherwise) is otherwise
    assert region_of(np.zeros((21, 2)), otherwise) is otherwise
    points = CAMERA.project(make_hand())
    assert region_of(points, otherwise) == Region.from_keypoints(points)

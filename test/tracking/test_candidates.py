"""Which detections are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from dot_hands import DotDetector, DotNetwork, draw, make_hand

from hand_pose_25d import Camera, HandPoseEstimator
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.tracking.candidates import best_detections

CAMERA = Camera(600.0, 610.0, 322.0, 236.0, 640, 480)
GRID = [(20.0 + 100 * (i % 6), 20.0 + 90 * (i // 6), 60.0, 60.0) for i in range(30)]


@pytest.mark.parametrize(
    ("scores", "most", "expected"),
    [([0.5, 0.9, 0.7], 4, [1, 2, 0]), ([0.5, 0.9, 0.7], 2, [1, 2]), ([0.8] * 30, 3, [0, 1, 2]),
     ([], 3, [])],
)  # fmt: skip
def test_the_best_come_first_and_no_more_than_asked(scores, most, expected):
    boxes = GRID[: len(scores)]
    given = [Detection(box, score) for box, score in zip(boxes, scores, strict=True)]
    assert [d.box for d in best_detections(given, most)] == [boxes[i] for i in expected]


def test_boxes_of_one_hand_count_once():
    x, y, w, h = GRID[0]
    given = [Detection((x + i, y, w, h), 0.9 - 0.1 * i) for i in range(5)]
    best = best_detections([*given, Detection(GRID[3], 0.2)], 3)
    assert [d.box for d in best] == [GRID[0], GRID[3]]


@pytest.mark.parametrize("boxes", [4, 200])
def test_two_hundred_boxes_cost_no_more_than_the_best_few(boxes: int):
    """Each of max_hands + 2 boxes takes 8 + 4 crops, and each candidate one."""
    network, truth = DotNetwork(), make_hand()
    estimator = HandPoseEstimator("cpu", network=network, detector=DotDetector([], CAMERA))
    pixels = CAMERA.project(truth)
    hand = (*pixels.min(0), *np.ptp(pixels, axis=0))
    others = [(8.0 * (i % 60), 8.0 * (i // 60), 20.0, 20.0) for i in range(boxes - 1)]
    found = estimator.track(draw([truth], CAMERA), CAMERA, 0.0, boxes=[hand, *others])
    assert np.linalg.norm(found[0].keypoints_2d - pixels, axis=1).max() < 3
    assert sum(network.passes) <= 4 * (8 + 4) + 2

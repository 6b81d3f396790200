"""Boxes: what a caller may give, and their overlap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hand_pose_25d import Camera
from hand_pose_25d.geometry.boxes import box_around, box_iou, box_overlap, check_boxes

CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)


def test_good_boxes_become_tuples_in_their_order():
    given = [np.array([10, 20, 30, 40]), (-5, -5, 10, 10)]
    assert check_boxes(given, CAMERA) == [(10.0, 20.0, 30.0, 40.0), (-5.0, -5.0, 10.0, 10.0)]
    assert check_boxes([], CAMERA) == []


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((1, 2, 3), r"boxes\[1\] must be numbers \(x, y, w, h\), got \(1, 2, 3\)"),
        ("abcd", r"boxes\[1\] must be numbers"),
        ((1, 2, 0, 4), r"boxes\[1\] = .*: w and h must be above 0"),
        ((1, math.nan, 3, 4), r"boxes\[1\] = .* must be finite"),
        ((1, 1, 1e30, 1e30), r"boxes\[1\] = .*: no number may be beyond 1e\+06 px"),
        ((-1e30, 1, 2e30, 5), r"boxes\[1\] = .*: no number may be beyond"),
        ((1, 1, 1e-300, 1e-300), r"boxes\[1\] = .*: w and h must be at least 0.001 px"),
        ((10**400, 1, 1, 1), r"boxes\[1\] must be numbers"),
        ((640, 2, 30, 30), r"boxes\[1\] = .* outside the image of 640 x 480 px"),
        ((1, -30, 30, 30), r"boxes\[1\] = .* outside the image"),
    ],
)
def test_wrong_boxes_are_named(box, message):
    with pytest.raises(ValueError, match=message):
        check_boxes([(1, 2, 3, 4), box], CAMERA)


def test_box_iou():
    boxes = [(0, 0, 2, 2), (1, 0, 2, 2), (5, 5, 1, 1), (0, 0, 1, 1)]
    expected = [[1, 1 / 3, 0, 1 / 4]]
    np.testing.assert_allclose(box_iou(np.array(boxes[:1]), np.array(boxes)), expected)


def test_box_overlap():
    boxes = np.array([(0, 0, 2, 2), (1, 0, 2, 2), (5, 5, 1, 1), (0.5, 0.5, 1, 1), (1, 1, 9, 9)])
    np.testing.assert_allclose(box_overlap(boxes[:1], boxes), [[1, 1 / 2, 0, 1, 1 / 4]])
    np.testing.assert_allclose(box_overlap(boxes, boxes), box_overlap(boxes, boxes).T)
    assert box_overlap(boxes, np.array([])).shape == (5, 0)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(3, 5), (10, 7), (4, 6)], (3, 5, 7, 2)),
        ([(3, 5), (math.nan, 7), (4, 6)], (3, 5, 1, 1)),
        ([(3, 5), (math.nan, math.nan)], (3, 5, 0, 0)),
        ([(math.nan, 5), (4, math.inf)], (math.nan,) * 4),
    ],
)
def test_the_box_around_finite_points(points, expected):
    assert box_around(np.array(points)) == pytest.approx(expected, nan_ok=True)

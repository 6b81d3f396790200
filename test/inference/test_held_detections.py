"""HeldDetections: searches are spread over images; what needs none goes on at once."""

from __future__ import annotations

import math

import pytest

from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.held_detections import MOST_IMAGES, HeldDetections
from hand_pose_25d.inference.hypotheses import crops_needed

SIZE = (640, 480)


def detection(u: float, p_right: float = 0.6, angle: float = 0.0) -> Detection:
    return Detection((u, 100.0, 60.0, 80.0), 0.9, p_right, angle)


@pytest.mark.parametrize(
    ("p_right", "angle", "crops"),
    [(0.9, 0.0, 0), (0.1, 1.0, 0), (0.6, 0.0, 2), (math.nan, 0.0, 2), (0.9, math.nan, 6),
     (0.6, math.nan, 12), (math.nan, math.nan, 12)],
)  # fmt: skip
def test_what_is_open_costs_crops(p_right: float, angle: float, crops: int) -> None:
    assert crops_needed(detection(0, p_right, angle)) == crops


def test_one_search_an_image_in_the_order_they_were_found():
    held = HeldDetections()
    sure, open_ones = detection(0, 0.9), [detection(u) for u in (150, 300, 450)]
    assert held.take([open_ones[0], sure, *open_ones[1:]], SIZE) == [sure, open_ones[0]]
    assert held.take([], SIZE) == [open_ones[1]]
    assert held.take([], SIZE) == [open_ones[2]]
    assert held.take([], SIZE) == []


def test_a_box_alone_has_an_image_of_its_own():
    held = HeldDetections()
    boxes = [Detection((u, 100.0, 60.0, 80.0)) for u in (0, 200)]
    assert held.take(boxes, SIZE) == [boxes[0]]
    assert held.take([], SIZE) == [boxes[1]]


def test_a_newer_look_at_a_hand_takes_its_place():
    held = HeldDetections()
    first, second, moved = detection(0), detection(300), detection(310)
    assert held.take([first, second], SIZE) == [first]
    assert held.take([moved], SIZE) == [moved]
    assert held.take([], SIZE) == []


def test_what_waits_too_long_is_given_up():
    held = HeldDetections()
    many = [detection(200.0 * i) for i in range(MOST_IMAGES + 3)]
    taken = [held.take(many if i == 0 else [], SIZE) for i in range(MOST_IMAGES + 3)]
    assert [len(each) for each in taken] == [1] * MOST_IMAGES + [0] * 3


def test_another_size_of_image_or_a_reset_forgets():
    held = HeldDetections()
    assert len(held.take([detection(0), detection(300)], SIZE)) == 1
    assert held.take([], (320, 240)) == []

"""What counts as a hand among the detector's answers."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d_train.training.detector.hard_negatives import judge_detections, overlaps_any
from hand_pose_25d_train.training.detector.scenes import SceneHand


def pose(low: tuple[float, float], high: tuple[float, float]) -> np.ndarray:
    """(21, 2) pixels whose box is given."""
    return np.linspace(low, high, 21)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ((0, 0), (10, 10), 1.0),
        ((5, 0), (15, 10), 1 / 3),
        ((10, 10), (20, 20), 0.0),
        ((30, 0), (40, 10), 0.0),
        ((0, 0), (20, 20), 0.25),
    ],
)
def test_overlaps(low: tuple, high: tuple, expected: float) -> None:
    hands = [SceneHand(pose((50, 50), (60, 60)), True), SceneHand(pose(low, high), True)]
    assert overlaps_any(pose((0, 0), (10, 10)), hands) == pytest.approx([0, expected])


@pytest.mark.parametrize(
    ("low", "high", "visible", "expected"),
    [
        ((0, 0), (10, 10), 1.0, 1.0),
        ((1, 1), (11, 11), 0.3, 1.0),
        ((0, 0), (10, 10), 0.1, None),  # hardly anything of it is seen
        ((6, 0), (16, 10), 1.0, None),  # half on it
        ((20, 0), (30, 10), 1.0, 0.0),
    ],
)
def test_what_counts_as_a_hand(
    low: tuple, high: tuple, visible: float, expected: float | None
) -> None:
    far = SceneHand(pose((100, 100), (120, 120)), True)
    hand = SceneHand(pose(low, high), True, visible)
    assert judge_detections(pose((0, 0), (10, 10)), [far, hand]) == expected


def test_without_hands_nothing_is_one() -> None:
    assert judge_detections(pose((0, 0), (10, 10)), []) == 0.0


def test_nothing_is_asked_where_a_hand_is_hardly_seen() -> None:
    hidden = SceneHand(pose((0, 0), (100, 100)), True, visible=0.0)
    assert judge_detections(pose((40, 40), (50, 50)), [hidden]) is None
    assert judge_detections(pose((95, 95), (115, 115)), [hidden]) == 0.0, "its middle lies outside"
    seen = SceneHand(hidden.uv, True)
    assert judge_detections(pose((40, 40), (50, 50)), [seen]) == 0.0

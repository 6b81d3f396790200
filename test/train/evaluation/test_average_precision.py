"""Detection metrics, against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hand_pose_25d.geometry.boxes import box_iou
from hand_pose_25d_train.evaluation.project.average_precision import (
    ImageResult,
    match_image,
    summarize_detections,
)


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 0, 2, 2), 1 / 3),
        ((0, 0, 2, 2), (5, 5, 1, 1), 0.0),
        ((0, 0, 4, 4), (1, 1, 2, 2), 0.25),
    ],
)
def test_box_iou(a: tuple[float, ...], b: tuple[float, ...], iou: float) -> None:
    assert box_iou(np.array([a]), np.array([b]))[0, 0] == pytest.approx(iou)


ONE = np.array([[0, 0, 10, 10.0]])


@pytest.mark.parametrize(
    ("boxes", "asked", "matched"),
    [
        ([[0, 0, 10, 10]], [True], [0]),
        ([[0, 0, 10, 10], [0, 0, 10, 11]], [True], [0, -1]),  # found twice
        ([[0, 0, 10, 11], [50, 0, 10, 10]], [True], [0, -1]),
        ([[0, 0, 10, 10]], [False], [-2]),
        ([[0, 0, 10, 10], [0, 0, 10, 11]], [False], [-2, -2]),
        ([], [True], []),
    ],
)
def test_match_image(boxes: list[list[float]], asked: list[bool], matched: list[int]) -> None:
    scores = np.linspace(0.9, 0.5, len(boxes))
    result = match_image(np.array(boxes).reshape(-1, 4), scores, ONE, np.array(asked))
    assert result.matched.tolist() == matched


def test_the_better_score_takes_the_truth() -> None:
    result = match_image(np.repeat(ONE, 2, 0), np.array([0.4, 0.8]), ONE, np.array([True]))
    assert result.matched.tolist() == [-1, 0]


def result(scores: list[float], matched: list[int], truths: int) -> ImageResult:
    return ImageResult(np.array(scores), np.array(matched), np.ones(truths, bool))


def test_average_precision_by_hand() -> None:
    # Right, wrong, right in the order of the scores; three hands: precision 1, 1/2, 2/3.
    made = [result([0.9, 0.7], [0, 1], 2), result([0.8], [-1], 1)]
    summary = summarize_detections(made)
    assert summary.ap50 == pytest.approx((1 + 2 / 3) / 3)
    assert summary.recall == pytest.approx(1 / 3), "no false positive is allowed in two images"
    assert summary.threshold == 0.9
    assert summary.recall_at_default == pytest.approx(2 / 3)
    assert summary.false_positives_at_default == 0.5
    assert (summary.hands, summary.images) == (3, 2)


def test_one_false_alarm_in_a_hundred_images_is_allowed() -> None:
    made = [result([0.9], [-1], 0), result([0.8, 0.7], [0, 1], 2), result([0.6], [-1], 0)]
    made += [result([], [], 0)] * 97
    summary = summarize_detections(made)
    assert summary.recall == 1.0
    assert summary.threshold == 0.7


def test_nothing_asked_and_nothing_found() -> None:
    empty = summarize_detections([result([], [], 0)])
    assert math.isnan(empty.ap50) and math.isnan(empty.recall)
    assert summarize_detections([result([], [], 1)]).ap50 == 0.0
    assert summarize_detections([result([0.9], [0], 1)]).ap50 == 1.0

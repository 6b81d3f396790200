"""The detector's figures, from detections made up for known hands."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hands_2d import hand_at

from hand_pose_25d.geometry.roi import Region, hand_angle
from hand_pose_25d.inference.detector import Detection
from hand_pose_25d_train.evaluation.project import detection
from hand_pose_25d_train.evaluation.project.labelled_images import empty_images, truth_of

SHAPE = (240, 320, 3)
IMAGE = np.zeros(SHAPE, np.uint8)


@pytest.mark.parametrize(
    ("center", "height", "visible", "asked"),
    [
        ((150, 120), 60, 1.0, True),
        ((150, 120), 60, 0.2, False),
        ((150, 120), 8, 1.0, False),
        ((-20, 120), 60, 1.0, False),
    ],
)
def test_hands_too_small_hidden_or_outside_are_not_asked_for(
    center: tuple[int, int], height: int, visible: float, asked: bool
) -> None:
    assert truth_of(hand_at(*center, height), True, SHAPE, visible).asked == asked


def found(uv: np.ndarray, score: float, right: float, turn: float = 0.0) -> Detection:
    box = truth_of(uv, True, SHAPE, 1.0).box
    return Detection(box, score, right, hand_angle(uv) + turn, Region.from_keypoints(uv))


def test_the_figures_of_known_detections() -> None:
    uv = [hand_at(80, 120, 70), hand_at(240, 120, 20), hand_at(240, 60, 70)]
    truths = [truth_of(points, True, SHAPE, 1.0) for points in uv]
    elsewhere = hand_at(160, 180, 40)
    answers = [
        [found(uv[0], 0.9, 0.8, math.radians(10)), found(elsewhere, 0.78, 0.5)],
        [found(uv[1], 0.8, 0.1)],
        [],
    ]
    replies = iter(answers)
    tally = detection.evaluate_detection(
        lambda image: next(replies), [(IMAGE, truths[:1]), (IMAGE, truths[1:2]), (IMAGE, [])]
    )
    summary = tally.summary
    assert (summary.images, summary.hands) == (3, 2)
    assert summary.ap50 == 1.0 and summary.recall_at_default == 1.0
    assert summary.false_positives_at_default == pytest.approx(1 / 3)
    assert (summary.best_f1, summary.best_threshold) == (1.0, 0.8)
    assert tally.handedness == [True, False]
    assert tally.angles == pytest.approx([10, 0], abs=1e-6)
    assert tally.centers == pytest.approx([0, 0])
    assert tally.sizes == {"medium": [True], "small": [True]}
    text = detection.detection_row("made", tally)
    assert text.count("|") == detection.DETECTION_HEADER.splitlines()[0].count("|")


def test_the_best_f1_weighs_misses_against_false_positives() -> None:
    uv = [hand_at(60, 60, 50), hand_at(180, 60, 50), hand_at(60, 180, 50)]
    truths = [truth_of(points, True, SHAPE, 1.0) for points in uv]
    wrong = [hand_at(250 + 10 * i, 180, 40) for i in range(4)]
    answer = [found(uv[0], 0.9, 1.0), found(uv[1], 0.6, 1.0)]
    answer += [found(points, 0.3, 1.0) for points in wrong]
    answer += [found(uv[2], 0.2, 1.0)]
    summary = detection.evaluate_detection(lambda image: answer, [(IMAGE, truths)]).summary
    assert summary.best_threshold == 0.6
    assert summary.best_f1 == pytest.approx(2 * 2 / (3 + 2))


def test_photographs_without_hands(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no photographs"):
        list(empty_images(tmp_path, 10))
    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((100, 1280, 3), np.uint8))
    ((image, truths),) = empty_images(tmp_path, 10)
    assert image.shape == (50, 640, 3) and truths == []


def test_something_to_evaluate_on_is_asked_for() -> None:
    parser = argparse.ArgumentParser()
    detection.add_arguments(parser)
    args = parser.parse_args(["--photos", "a=b.npz", "c=d.npz"])
    assert args.photos == [(Path("a"), Path("b.npz")), (Path("c"), Path("d.npz"))]
    with pytest.raises(ValueError, match="nothing to evaluate on"):
        detection.run(parser.parse_args([]))

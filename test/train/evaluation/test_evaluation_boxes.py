"""Hands whose boxes are given: which count, and how poses are judged."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from training_data import write_shards

from hand_pose_25d.cli import main
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d_train.datasets.shards import SceneSample, ShardWriter
from hand_pose_25d_train.evaluation.project.boxes import Errors, counted_hands, loosened
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands

K = np.array([[150.0, 0, 95], [0, 150, 95], [0, 0, 1]])


def hand_in(u: float = 95, depth: float = 0.4, visible: int = 21) -> LabelledHand:
    """A hand whose wrist is seen at column u."""
    points = sample_hands(BoneLengthPrior.default(), 1, np.random.default_rng(0)).keypoints[0]
    points = points - points[0] + ((u - 95) / 150 * depth, 0.0, depth)
    uv = (points @ K.T)[:, :2] / points[:, 2:]
    return LabelledHand(points, uv, np.arange(21) < visible, True)


@pytest.mark.parametrize(
    ("hand", "counts"),
    [
        (hand_in(), True),
        (hand_in(visible=8), True),
        (hand_in(visible=7), False),
        (hand_in(depth=1.5), False),  # tiny
        (hand_in(u=2), False),  # leaves the image
    ],
)
def test_hands_that_count(tmp_path: Path, hand: LabelledHand, counts: bool) -> None:
    scene = SceneSample(np.zeros((190, 190, 3), np.uint8), K, [hand], seed=1)
    ShardWriter(tmp_path).write(0, [scene])
    assert len(list(counted_hands(tmp_path, 9))) == int(counts)


def test_the_errors_of_a_pose() -> None:
    hand, errors = hand_in(), Errors()
    side = max(hand.box[2:])
    errors.add((hand.uv, 1.1 * hand.keypoints, True), hand)  # scale is not judged
    errors.add((hand.uv + (0.3 * side, 0), np.full((21, 3), np.nan), False), hand)
    assert errors.pixels == pytest.approx([0, 30])
    assert errors.millimetres[0] == pytest.approx(0, abs=1e-6)
    assert math.isnan(errors.millimetres[1])
    assert errors.handedness == [True, False]
    assert errors.row().startswith("15.00 | 15.00 | 50.0 | 50.0 | 0.")


def test_loose_boxes_are_about_the_hand() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([loosened((100, 50, 40, 80), rng) for _ in range(500)])
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    assert np.abs(middles - (120, 90)).max(axis=0) == pytest.approx((4.8, 9.6), rel=0.02)
    assert boxes[:, 2:].min(axis=0) == pytest.approx((34, 68), rel=0.02)
    assert boxes[:, 2:].max(axis=0) == pytest.approx((54, 108), rel=0.02)


def test_the_command_prints_a_row_for_each_way(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_shards(tmp_path, 4)
    assert main(["evaluate", "boxes", "--data", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    lines = [line for line in printed if line.startswith("| accurate: ")]
    assert [line.split("|")[1].strip() for line in lines] == [
        "accurate: region of the true keypoints, handedness known", "accurate: tight box",
        "accurate: another detector's box",
    ]  # fmt: skip
    assert all(float(line.split("|")[2]) < 100 for line in lines)


def test_scenes_without_hands_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    ShardWriter(tmp_path).write(0, [SceneSample(np.zeros((90, 90, 3), np.uint8), K, [], seed=1)])
    assert main(["evaluate", "boxes", "--data", str(tmp_path)]) != 0
    assert "no hand that counts" in capsys.readouterr().err

"""The picture of the keypoints is the one that its script draws."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import KEYPOINT_NAMES, bone_lengths

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "keypoints_figure.py"))


def test_the_picture_is_up_to_date():
    drawn = SCRIPT["figure"]()
    assert (ROOT / "docs" / "images" / "keypoints.svg").read_text(encoding="utf-8") == drawn
    for number, name in enumerate(KEYPOINT_NAMES):
        assert f">{number} {name}<" in drawn


def test_its_bones_are_the_mean_adults():
    points = SCRIPT["flat_hand"]()
    mean = BoneLengthPrior.default().mean
    np.testing.assert_allclose(bone_lengths(points), 1e3 * mean)
    assert points[4, 0] > points[5, 0] > points[17, 0]  # a right hand's thumb, seen from the palm


@pytest.mark.parametrize("rows", [[0.0, 1.0, 2.0], [5.0, 5.0, 90.0], [0.0, 50.0, 100.0]])
def test_labels_lie_apart(rows):
    found = SCRIPT["spread"](rows, 24.0)
    assert np.diff(found).min() > 23.9
    assert np.mean(found) == pytest.approx(np.mean(rows))

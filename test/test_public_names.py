"""What `from hand_pose_25d import ...` gives, and the examples in the docstrings."""

from __future__ import annotations

import doctest
import importlib

import pytest

import hand_pose_25d

NAMES = {
    "BONES", "KEYPOINT_NAMES", "BoneLengthPrior", "Camera", "EstimatorSettings", "Frame",
    "HandGesture", "HandPose", "HandPoseEstimator", "Region", "draw_hands",
}  # fmt: skip


def test_the_public_names():
    assert set(hand_pose_25d.__all__) == NAMES <= set(dir(hand_pose_25d))
    for name in NAMES:
        assert getattr(hand_pose_25d, name) is not None
    assert len(hand_pose_25d.KEYPOINT_NAMES) == 21 and len(hand_pose_25d.BONES) == 20
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hand_pose_25d.nothing


@pytest.mark.parametrize(
    ("module", "count"), [("frame", 3), ("settings", 2), ("geometry.camera", 2)]
)
def test_the_docstrings_examples_run(module, count):
    found = importlib.import_module(f"hand_pose_25d.{module}")
    flags = doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.testmod(found, optionflags=flags)
    assert result.failed == 0 and result.attempted == count

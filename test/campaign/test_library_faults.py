"""The fault campaign's library part: refused in one sentence, and the next image is right."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from campaign.library_faults import CAMERA, FAULTS
from dot_hands import DotDetector, DotNetwork, draw, make_hand
from pace import at_most

from hand_pose_25d import BoneLengthPrior, HandPoseEstimator

pytestmark = pytest.mark.campaign
MOST_SECONDS = 20.0
TRUTH = make_hand((0.0, 0.05, 0.5))
IMAGE = draw([TRUTH], CAMERA)


@pytest.fixture(scope="module")
def estimator():
    prior = BoneLengthPrior.exact(BoneLengthPrior.default().mean)
    detector = DotDetector([TRUTH], CAMERA)
    return HandPoseEstimator("cpu", network=DotNetwork(), detector=detector, bone_lengths=prior)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_library(fault, estimator, tmp_path):
    start = time.process_time()
    if fault.expected.startswith("refused"):
        with pytest.raises((ValueError, TypeError, OSError)) as raised:
            fault.inject(estimator, tmp_path)
        said = str(raised.value)
    else:
        said = fault.inject(estimator, tmp_path)
    assert re.search(fault.says, said), said
    assert len(said) < 2_000, "one sentence"
    assert time.process_time() - start < at_most(MOST_SECONDS)
    (hand,) = estimator.estimate(IMAGE, CAMERA)
    assert np.linalg.norm(hand.keypoints - TRUTH, axis=1).max() < 0.015

"""A fork after use: one sentence in the child, and the parent goes on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from forks import in_a_fork
from small_networks import make_network

from hand_pose_25d import Camera, HandPoseEstimator

CAMERA = Camera(60.0, 60.0, 31.5, 23.5, 64, 48)
IMAGE = np.zeros((48, 64, 3), np.uint8)


class NoHands:
    def detect(self, image: np.ndarray) -> list:
        return []


@pytest.fixture(scope="module")
def estimator() -> HandPoseEstimator:
    made = HandPoseEstimator("cpu", network=make_network("pose network"), detector=NoHands())
    assert len(made.estimate(IMAGE, CAMERA, boxes=[(10, 10, 20, 20)])) == 1
    return made


@pytest.mark.parametrize(
    "use",
    [
        lambda e: e.estimate(IMAGE, CAMERA),
        lambda e: e.track(IMAGE, CAMERA, 0.0),
        lambda e: e.reset(),
        lambda e: e.tune(smoothing=True),
        lambda e: e.set_hand_scale(1.0),
        lambda e: e._networks.pose_network(np.zeros((1, 64, 64, 3), np.uint8)),
    ],
)
def test_a_fork_is_told_to_spawn(estimator, use) -> None:
    answer = in_a_fork(lambda: use(estimator))
    assert answer.startswith("RuntimeError: this process is a fork") and "'spawn'" in answer
    assert estimator.estimate(IMAGE, CAMERA) == []


def test_an_estimator_is_not_pickled(estimator) -> None:
    with pytest.raises(TypeError, match="spawn"):
        pickle.dumps(estimator)

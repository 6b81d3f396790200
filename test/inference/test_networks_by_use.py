"""Which pose network works for what."""

from __future__ import annotations

import pytest

from hand_pose_25d import HandPoseEstimator
from hand_pose_25d.inference.networks_by_use import NetworksByUse


def sides(networks: NetworksByUse) -> tuple[int, int]:
    return networks.video.pose_network.input_size, networks.single.pose_network.input_size


@pytest.mark.parametrize(
    ("network", "expected"),
    [(None, (192, 224)), ("accurate", (224, 224)), ("realtime", (192, 192))],
)
def test_video_has_the_fast_network_and_single_images_the_accurate_one(network, expected):
    networks = NetworksByUse(lambda image: [], network, "cpu", "onnxruntime", "float32", 1)
    assert sides(networks) == expected
    assert (networks.single is networks.video) == (network is not None)
    assert networks.single.timings is networks.video.timings
    assert networks.single.detector is networks.video.detector


@pytest.mark.parametrize("options", [{"weights": "accurate"}, {"network": "accurate"}])
def test_a_network_that_is_named_serves_both(options):
    estimator = HandPoseEstimator(device="cpu", **options)
    assert sides(estimator._of_use) == (224, 224)

"""The pose network's answer, for any number of crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import make_network, noise, save_small

from hand_pose_25d.inference.backends.base import POSE_OUTPUTS
from hand_pose_25d.inference.load import load_backend
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network


@pytest.fixture(scope="module")
def network():
    return make_network()


def test_prediction_is_the_networks_own(network):
    images = noise(3)
    prediction = load_pose_network(network, "cpu")(images)
    with torch.inference_mode():
        output = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    for name in POSE_OUTPUTS:
        expected = getattr(output, name).numpy().astype(np.float64)
        if name in ("presence", "right"):
            expected = 1 / (1 + np.exp(-expected))
        value = getattr(prediction, "p_right" if name == "right" else name)
        assert value.dtype == np.float64 and value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=2e-4, atol=1e-4, err_msg=name)


def test_any_number_of_crops(network):
    pose = load_pose_network(network, "cpu", max_batch=2)
    images = noise(5)
    together = pose(images)
    assert len(together) == 5 and together.uv_covariance.shape == (5, 21, 2, 2)
    for i in range(5):
        alone = pose(images[i : i + 1])
        np.testing.assert_allclose(alone.uv[0], together.uv[i], atol=1e-3)
    none = pose(images[:0])
    assert (len(none), none.uv.shape, none.presence.shape) == (0, (0, 21, 2), (0,))
    np.testing.assert_array_equal(together[[4, 0]].depth, together.depth[[4, 0]])
    np.testing.assert_array_equal((none + together).uv, together.uv)


def test_batches_are_as_large_as_allowed(network, monkeypatch):
    pose, sizes = load_pose_network(network, "cpu", max_batch=4), []
    run = pose.backend.run
    monkeypatch.setattr(
        pose.backend, "run", lambda images: [sizes.append(len(images)), run(images)][1]
    )
    pose(noise(9))
    assert sizes == [4, 4, 1]


@pytest.mark.parametrize(
    "images",
    [noise(1, 32, 32), noise(1).astype(np.float32), noise(1)[0], noise(1)[..., :1]],
    ids=["size", "type", "no batch", "grey"],
)
def test_wrong_crops_are_named(network, images):
    with pytest.raises(ValueError, match=r"uint8 of shape \(N, 64, 64, 3\)"):
        load_pose_network(network, "cpu")(images)


def test_weights_from_a_file(network, tmp_path):
    path = save_small("pose network", tmp_path)
    for backend in ("torch", "auto"):
        a, b = load_pose_network(path, "cpu", backend), load_pose_network(network, "cpu")
        np.testing.assert_allclose(a(noise(2)).uv, b(noise(2)).uv, atol=1e-3)


def test_wrong_options_are_named(network):
    with pytest.raises(ValueError, match="max_batch"):
        load_pose_network(network, "cpu", max_batch=0)
    backend = load_backend(network, "pose network", "cpu", "torch")
    backend.config = {}
    with pytest.raises(ValueError, match="does not say the side of its crops"):
        PoseNetwork(backend)

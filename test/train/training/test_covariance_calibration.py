"""The last step after training: factors of variances, averages of networks, the handedness."""

import numpy as np
import pytest
import torch

from hand_pose_25d.networks.latent import build
from hand_pose_25d_train.training.average import average_networks
from hand_pose_25d_train.training.pose.covariance_calibration import (
    calibrate_handedness,
    factors,
    logistic,
)

TINY = {"input_size": 64, "width": 8, "expansions": [8] * 14, "last_width": 8}


def test_factors_put_95_percent_of_the_errors_inside() -> None:
    errors = np.random.default_rng(0).normal(0, [1.0, 2.0], (20_000, 2))
    assert factors(errors**2, 1) == pytest.approx([1.0, 4.0], rel=0.05)


def test_networks_are_averaged_by_their_shares() -> None:
    networks = [build({**TINY, "stages": 1}) for _ in range(3)]
    for number, network in enumerate(networks):
        torch.nn.init.constant_(network.backbone.right.bias, float(number))
    mean = average_networks(networks, [0.5, 0.3, 0.2])
    assert mean is networks[0]
    assert mean.backbone.right.bias.item() == pytest.approx(0.3 + 0.4)


@pytest.mark.parametrize(
    ("shares", "other", "message"),
    [
        ([0.5, 0.6], {}, "shares of 1"),
        ([1.0], {}, "as many shares"),
        ([0.5, 0.5], {"width": 16}, "different shapes"),
    ],
)
def test_what_has_no_average_is_refused(shares: list[float], other: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        average_networks([build(TINY), build({**TINY, **other})], shares)


def test_logistic_finds_what_made_the_answers() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 20_000)
    truth = rng.random(len(logits)) < 1 / (1 + np.exp(-(0.5 * logits - 1.0)))
    assert logistic(logits, truth) == pytest.approx((0.5, -1.0), abs=0.08)


@pytest.mark.parametrize("pose_side", [False, True])
def test_the_whole_logit_of_handedness_is_calibrated(pose_side: bool) -> None:
    torch.manual_seed(0)
    network = build({"input_size": 64, "pose_side": pose_side}).eval()
    backbone = network.backbone
    torch.nn.init.normal_(backbone.right.weight, std=3.0)
    crops = list(np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8))
    images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        before = network(images).right
        slope, offset = calibrate_handedness(network, crops)
        after = network(images).right
    torch.testing.assert_close(after, slope * before + offset, atol=1e-3, rtol=1e-3)
    assert abs(slope - 1) > 0.05

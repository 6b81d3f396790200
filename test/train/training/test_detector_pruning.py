"""Smaller detectors out of larger ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hand_pose_25d.networks.detector_net import DetectorNet, build
from hand_pose_25d_train.training.detector.pruning import (
    FadingReLU,
    pruned,
    same_shape,
    set_share,
)
from hand_pose_25d_train.training.map_distance import relative_distance

CONFIG = {"formulation": "detector", "sizes": [64], "branch_width": 8, "blocks": [2, 2, 2, 2, 2]}


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(12, 3, 96, 96)


@pytest.fixture(scope="module")
def large() -> DetectorNet:
    """A detector whose slopes and biases are not the untrained ones."""
    torch.manual_seed(1)
    network = build(CONFIG | {"blocks": [2, 3, 3, 3, 3]}).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


@pytest.mark.parametrize(
    ("change", "same"),
    [({}, False), ({"blocks": [2, 3, 3, 3, 3]}, True), ({"activation": "relu"}, False)],
)
def test_only_another_shape_is_made(large, change: dict, same: bool) -> None:
    assert same_shape(large, CONFIG | change) is same


def test_the_same_configuration_gives_the_same_network(large, images) -> None:
    same = pruned(large, CONFIG | {"blocks": [2, 3, 3, 3, 3]}, images)
    for name, value in large.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])


def test_a_smaller_one_begins_near_the_larger(large, images) -> None:
    small = pruned(large, CONFIG, images)
    assert [len(stage) for stage in small.trunk.stages] == [2, 2, 2, 2, 2]
    untrained = build(CONFIG).eval()
    first_blocks = build(CONFIG).eval()
    first_blocks.load_state_dict(large.state_dict(), strict=False)
    with torch.no_grad():
        wanted = large.trunk(images)
        distances = [
            [float(relative_distance(a, b)) for a, b in zip(n.trunk(images), wanted, strict=True)]
            for n in (small, first_blocks, untrained)
        ]
    assert max(distances[0]) < 0.5 * min(min(d) for d in distances[1:])


def test_the_slopes_fade_and_are_no_weights(large, images) -> None:
    config = CONFIG | {"blocks": [2, 3, 3, 3, 3], "activation": "relu"}
    student = pruned(large, config, images)
    names = student.state_dict().keys()
    assert names == build(config).state_dict().keys()
    plain = build(config).eval()
    plain.load_state_dict(student.state_dict())
    with torch.no_grad():
        as_before, as_relu = large(images).score, plain(images).score
        torch.testing.assert_close(student(images).score, as_before, rtol=1e-3, atol=1e-4)
        set_share(student, 0.0)
        torch.testing.assert_close(student(images).score, as_relu, rtol=1e-3, atol=1e-4)
    assert (as_before - as_relu).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, [-0.5, -0.2, 2.0]), (0.5, [-0.25, -0.1, 2.0]), (0.0, [0, 0, 2])]
)
def test_a_fading_relu_is_prelu_at_first(share: float, expected: list[float]) -> None:
    activation = FadingReLU(torch.tensor([0.5, 0.2, 0.3]))
    set_share(nn.Sequential(activation), share)
    x = torch.tensor([-1.0, -1.0, 2.0]).view(1, 3, 1, 1)
    assert activation(x).flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks": [2, 4, 3, 3, 3]}, "blocks: 4 of a stage of 3"),
        ({"branch_width": 16}, "branches.* has no counterpart"),
    ],
)
def test_what_cannot_be_made_is_refused(large, images, change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pruned(large, CONFIG | change, images)

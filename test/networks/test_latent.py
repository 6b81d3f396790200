"""networks/latent.py, pyramid.py: Eq. 14-16 against numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from hand_pose_25d.networks.features import NUM_MAPS, Features
from hand_pose_25d.networks.latent import LatentNetwork, build, cell_centers
from hand_pose_25d.networks.output import confidence

SIZE = 32


class Fixed(nn.Module):
    """A backbone that answers what it was given."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: torch.Tensor) -> Features:
        return self.features


def network(maps: torch.Tensor, **initial: torch.Tensor) -> LatentNetwork:
    zero = torch.zeros(len(maps))
    return LatentNetwork(Fixed(Features([maps], zero, zero, **initial)), SIZE)


def test_cell_centers_are_pixel_centres() -> None:
    cells = cell_centers(4, 4, SIZE, torch.zeros(1))
    assert cells[0].tolist() == [3.5, 3.5]  # the middle of pixels 0 ... 7
    assert cells[5].tolist() == [11.5, 11.5]
    assert cells[1].tolist() == [11.5, 3.5]  # u runs first


def test_two_peaks_are_averaged_by_their_softmax() -> None:
    maps = torch.zeros(1, NUM_MAPS, 4, 4)
    heat, depth = maps[:, :21], maps[:, 21:42]
    heat -= 100
    heat[:, :, 0, 0], heat[:, :, 0, 3] = 0.0, math.log(3)  # weights 1/4 and 3/4
    depth[:, :, 0, 0], depth[:, :, 0, 3] = 1.0, 5.0
    depth[:, 0] = 0  # the root
    out = network(maps)(torch.zeros(1, 3, SIZE, SIZE))
    assert out.uv[0, 7].tolist() == pytest.approx([0.25 * 3.5 + 0.75 * 27.5, 3.5], abs=1e-4)
    assert out.depth[0, 7].item() == pytest.approx(0.25 * 1 + 0.75 * 5, abs=1e-5)
    floor = 0.1 * 8**2
    variance = 0.25 * 0.75 * 24**2
    assert out.uv_covariance[0, 7, 0, 0].item() == pytest.approx(variance + floor, rel=1e-4)
    assert out.uv_covariance[0, 7, 1, 1].item() == pytest.approx(floor, rel=1e-4)


def test_spread_sharpens_the_heatmap() -> None:
    maps = torch.zeros(1, NUM_MAPS, 4, 4)
    maps[:, :21, 1, 1] = 1.0
    net = network(maps)
    with torch.no_grad():
        net.log_beta.fill_(math.log(50))
    assert net(torch.zeros(1, 3, SIZE, SIZE)).uv[0, 3].tolist() == pytest.approx([11.5, 11.5])


def test_depths_are_relative_to_the_root() -> None:
    maps = torch.zeros(1, NUM_MAPS, 4, 4)
    maps[:, 21:42] = 2.0
    maps[:, 21 + 8] = 3.5
    out = network(maps)(torch.zeros(1, 3, SIZE, SIZE))
    assert out.depth[0, 0].item() == 0
    assert out.depth[0, 8].item() == pytest.approx(1.5)


def test_without_evidence_the_answer_is_the_initial_regression() -> None:
    guess = torch.rand(2, 21, 2) * 12 + 10
    depth = torch.rand(2, 21)
    net = network(torch.zeros(2, NUM_MAPS, 8, 8), initial_uv=guess, initial_depth=depth)
    with torch.no_grad():
        net.log_sigma.fill_(math.log(0.1))
    out = net(torch.zeros(2, 3, SIZE, SIZE))
    assert (out.uv - guess).abs().max() < 0.05
    assert torch.allclose(out.depth, depth - depth[:, :1], atol=1e-5)


def test_error_scale_multiplies_the_covariance() -> None:
    maps = torch.zeros(1, NUM_MAPS, 4, 4)
    narrow = network(maps)(torch.zeros(1, 3, SIZE, SIZE)).uv_covariance
    maps[:, 42:63] = math.log(3)
    wide = network(maps)(torch.zeros(1, 3, SIZE, SIZE)).uv_covariance
    assert torch.allclose(wide, 9 * narrow, rtol=1e-4)


@pytest.mark.parametrize(
    ("sigma", "expected"), [(0.04 * SIZE / math.sqrt(2), 1 - math.exp(-1)), (1e-3, 1.0)]
)
def test_confidence_is_the_mass_of_a_round_gaussian(sigma: float, expected: float) -> None:
    covariance = torch.eye(2).expand(1, 1, 2, 2) * sigma**2
    assert confidence(covariance, SIZE).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("config", "cells"),
    [
        ({"backbone": "mbconv", "input_size": 64}, 8),
        ({"backbone": "mbconv", "input_size": 64, "stride": 4, "guided": False}, 16),
        ({"input_size": 64, "expansions": [16] * 14, "last_width": 32}, 8),
    ],
)
@pytest.mark.parametrize("stages", [1, 2])
def test_every_stage_answers_and_learns(config: dict, cells: int, stages: int) -> None:
    torch.manual_seed(0)
    net = build({**config, "stages": stages})
    size = config["input_size"]
    poses, _ = net.run_stages(torch.rand(2, 3, size, size))
    assert len(poses) == stages
    for pose in poses:
        assert pose.heatmaps.shape == (2, 21, cells, cells)
        assert torch.allclose(pose.heatmaps.sum((2, 3)), torch.ones(2, 21), atol=1e-4)
    sum(p.uv.sum() + p.depth.sum() for p in poses).backward()
    untouched = [n for n, p in net.named_parameters() if "heads" in n and p.grad is None]
    assert not untouched
    assert net.maps(torch.rand(1, 3, size, size))["depth_maps"].shape == (1, 21, cells, cells)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"backbone": "vgg"}, "backbone 'vgg': allowed are"),
        ({"stride": 3}, "stride 3: allowed are"),
        ({"backbone": "mbconv", "depth": 7}, "configuration .*depth"),
    ],
)
def test_bad_configurations_are_named(config: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        build(config)

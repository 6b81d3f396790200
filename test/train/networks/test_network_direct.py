"""Direct heatmaps: Eq. 10-13 against numbers worked by hand, and a network that learns them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hand_pose_25d.networks.weights import save_network
from hand_pose_25d_train.networks.direct import build, decode_heatmaps, encode_heatmaps
from hand_pose_25d_train.networks.formulations import load_any
from hand_pose_25d_train.networks.residuals import MOMENTUM, ResidualVariance
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.direct_loss import direct_loss

TINY = {"formulation": "direct", "input_size": 32, "width": 8, "levels": 2, "sigma": 3.0}


def pose(batch=2, size=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    uv = torch.randint(3, size - 3, (batch, 21, 2), generator=generator).float()
    depth = torch.randn(batch, 21, generator=generator) * 0.5
    depth[:, 0] = 0
    return uv, depth


def batch_of(uv, depth, size=32):
    ones = torch.ones(uv.shape[:2])
    images = torch.zeros(len(uv), 3, size, size, dtype=torch.uint8)
    for b, points in enumerate(uv.long()):
        for k, (u, v) in enumerate(points):
            images[b, k % 3, v, u] = 255
    return {
        "image": images,
        "uv": uv,
        "uv_weight": ones,
        "depth": depth,
        "depth_weight": ones.clone(),
        "presence": torch.ones(len(uv)),
        "is_right": torch.ones(len(uv)),
        "handedness_weight": torch.ones(len(uv)),
    }


def test_equations_10_and_11_by_hand():
    uv, depth = torch.full((1, 21, 2), 10.0), torch.full((1, 21), -0.7)
    heat, maps = encode_heatmaps(uv, depth, 128, 128, 128, sigma=5.0)
    assert heat[0, 3, 10, 10] == 1.0
    assert heat[0, 3, 10, 15].item() == pytest.approx(math.exp(-1))  # 5 px away
    assert heat[0, 3, 14, 13].item() == pytest.approx(math.exp(-1))  # 3 across, 4 down
    assert heat[0, 3, 10, 20].item() == pytest.approx(math.exp(-4))
    torch.testing.assert_close(maps, -0.7 * heat)


def test_equations_12_and_13_undo_10_and_11():
    uv, depth = pose()
    found_uv, found_depth = decode_heatmaps(*encode_heatmaps(uv, depth, 32, 32, 32), 32)
    torch.testing.assert_close(found_uv, uv)
    torch.testing.assert_close(found_depth, depth)


def test_maximum_is_read_at_a_coarser_map_too():
    # 32 cells for 128 px: cell (u 4, v 9) has its centre at (4.5 * 4 - 0.5, 9.5 * 4 - 0.5)
    heat = torch.zeros(1, 21, 32, 32)
    heat[0, :, 9, 4] = 1
    uv, _ = decode_heatmaps(heat, heat, 128)
    assert uv[0, 0].tolist() == [17.5, 37.5]


def test_loss_of_the_truth_is_zero_and_of_a_flat_map_by_hand(monkeypatch):
    model = build(TINY)
    uv, depth = pose()
    batch = batch_of(uv, depth)
    heat, maps = encode_heatmaps(uv, depth, 32, 32, 32, 3.0)
    real = model.raw

    def answer(heatmaps, depth_maps):
        return lambda images: real(images)._replace(heatmaps=[heatmaps], depth_maps=[depth_maps])

    monkeypatch.setattr(model, "raw", answer(heat, maps))
    terms = direct_loss(model, batch, LossWeights(depth=2.0, presence=0, handedness=0))
    assert terms["loss"] == 0 and terms["px"] == 0 and terms["depth"] == 0
    monkeypatch.setattr(model, "raw", answer(torch.zeros_like(heat), torch.zeros_like(maps)))
    terms = direct_loss(model, batch, LossWeights(depth=2.0, presence=0, handedness=0))
    expected = (heat**2).sum((2, 3)).mean() + 2 * (maps**2).sum((2, 3)).mean()
    torch.testing.assert_close(terms["loss"], expected)


def test_unknown_keypoints_and_depths_have_no_gradient():
    model = build(TINY)
    batch = batch_of(*pose())
    batch["uv_weight"][:] = 0
    batch["uv_weight"][0, 5] = 1
    batch["depth_weight"][:] = 0
    for row in (0, 1):
        batch["uv"][row, 7] = 1e4
    maps = model.raw(batch["image"].float() / 255)
    loss = direct_loss(model, batch, LossWeights(presence=0, handedness=0))["loss"]
    heads = model.backbone.heads[-1]
    gradient = torch.autograd.grad(loss, heads.weight)[0].abs().sum((1, 2, 3))
    assert maps.heatmaps[-1].shape == (2, 21, 32, 32)
    assert gradient[5] > 0 and gradient[:5].sum() == 0 and gradient[6:].sum() == 0


def test_learns_one_batch():
    torch.manual_seed(0)
    model = build({**TINY, "width": 16}).train()
    batch = batch_of(*pose(batch=1, seed=1))
    optimizer = torch.optim.Adam(model.parameters(), 0.005)
    weights = LossWeights(depth=1.0)
    first = last = direct_loss(model, batch, weights)
    for _ in range(180):
        last = direct_loss(model, batch, weights)
        optimizer.zero_grad()
        last["loss"].backward()
        optimizer.step()
    # A flat map has the loss pi sigma^2 / 2 = 14.1.
    assert last["heatmap"] < 0.6 * 14.1
    assert last["px"] < 0.6 * first["px"]


def test_stages_and_output_shapes():
    model = build({**TINY, "stages": 2}).eval()
    output = model(torch.rand(3, 3, 32, 32))
    assert len(model.raw(torch.rand(1, 3, 32, 32)).heatmaps) == 2
    shapes = [tuple(part.shape) for part in output]
    assert shapes == [(3, 21, 2), (3, 21), (3, 21, 2, 2), (3, 21), (3, 21), (3,), (3,)]
    assert (output.depth[:, 0] == 0).all() and (output.confidence <= 1).all()
    assert model.maps(torch.rand(1, 3, 32, 32))["depth_maps"].shape == (1, 21, 32, 32)


def test_weights_survive_the_disk(tmp_path):
    model = build(TINY).eval()
    model.residuals.uv[:] = 0.02
    save_network(model, TINY, tmp_path / "direct.safetensors", torch.float32)
    again = load_any(tmp_path / "direct.safetensors")
    images = torch.rand(2, 3, 32, 32)
    for a, b in zip(model(images), again(images), strict=True):
        torch.testing.assert_close(a, b)
    covariance = again(images).uv_covariance[0, 0].detach().numpy()
    np.testing.assert_allclose(covariance, np.eye(2) * 0.02 * 32**2, rtol=1e-5)


def test_residual_variance_by_hand():
    residuals = ResidualVariance()
    before = residuals.uv.clone()
    error = torch.zeros(2, 21, 2)
    error[:, 4] = torch.tensor([0.1, 0.3])  # mean square of the two coordinates: 0.05
    valid = torch.zeros(2, 21, dtype=torch.bool)
    valid[0, 4] = True
    residuals.update(error, valid, torch.full((2, 21), 0.2), valid)
    assert residuals.uv[4].item() == pytest.approx(0.01 + MOMENTUM * (0.05 - 0.01))
    assert residuals.depth[4].item() == pytest.approx(0.01 + MOMENTUM * (0.04 - 0.01))
    assert torch.equal(residuals.uv[:4], before[:4])  # nothing was annotated there


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="mbconv.*encoder_decoder only"):
        build({"formulation": "direct", "backbone": "mbconv"})
    with pytest.raises(ValueError, match="depths"):
        build({"formulation": "direct", "depths": 3})

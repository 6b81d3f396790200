"""Holistic regression: mean-normalised poses, L1 of Eq. 9 by hand, and a network that learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hand_pose_25d.networks.weights import save_network
from hand_pose_25d_train.networks.formulations import load_any
from hand_pose_25d_train.networks.holistic import MEAN_POSE_BATCHES, build
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.holistic_loss import holistic_loss

TINY = {"formulation": "holistic", "input_size": 32, "blocks": [1, 1, 1, 1], "width": 4}
WEIGHTS = LossWeights(depth=1.0, presence=0, handedness=0)


def batch_of(uv, depth, size=32):
    n = len(uv)
    generator = torch.Generator().manual_seed(7)
    images = torch.randint(0, 256, (n, 3, size, size), generator=generator, dtype=torch.uint8)
    known = {"uv_weight": torch.ones(n, 21), "depth_weight": torch.ones(n, 21)}
    heads = {key: torch.ones(n) for key in ("presence", "is_right", "handedness_weight")}
    return {"image": images, "uv": uv, "depth": depth, **known, **heads}


def test_resnet_50_is_resnet_50():
    model = build({"formulation": "holistic"})
    assert model.input_size == 224
    convolutions = [m for m in model.trunk.modules() if isinstance(m, torch.nn.Conv2d)]
    # 1 + 3 (3 + 4 + 6 + 3) convolutions and 4 shortcuts; the linear layer makes it 50.
    assert len(convolutions) == 1 + 48 + 4
    # He et al.: 25.557 M with the 2.049 M of the 1000-class layer.
    parameters = sum(p.numel() for p in model.trunk.parameters())
    assert parameters == 25_557_032 - 2_049_000


def test_an_untrained_network_answers_the_mean_pose():
    model = build(TINY).eval()
    model.mean_pose[:, 0], model.mean_pose[3, 1], model.mean_pose[3, 2] = 0.25, 0.75, -0.4
    model.mean_pose[0, 2] = 0.1
    output = model(torch.rand(2, 3, 32, 32))
    assert output.uv[1, 3].tolist() == [0.25 * 32 - 0.5, 0.75 * 32 - 0.5]
    assert output.depth[0, 3].item() == pytest.approx(-0.5)  # about the wrist's


def test_loss_by_hand():
    model = build(TINY).eval()  # answers (0.5, 0.5, 0)
    uv, depth = torch.full((2, 21, 2), 15.5), torch.zeros(2, 21)
    uv[0, 4] += torch.tensor([3.2, -1.6])  # 0.1 and 0.05 of the side
    depth[1, 6] = 0.42
    batch = batch_of(uv, depth)
    terms = holistic_loss(model, batch, WEIGHTS)
    assert terms["uv"].item() == pytest.approx(0.15 / 42)
    assert terms["depth"].item() == pytest.approx(0.42 / 42)
    assert terms["loss"].item() == pytest.approx(0.57 / 42)
    doubled = holistic_loss(model, batch, LossWeights(depth=2.0, presence=0, handedness=0))
    assert doubled["loss"].item() == pytest.approx(0.99 / 42)
    batch["depth_weight"][1] = 0  # a 2D-only sample
    assert holistic_loss(model, batch, WEIGHTS)["depth"] == 0


def test_mean_pose_is_the_mean_of_the_first_batches():
    model = build(TINY).train()
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(MEAN_POSE_BATCHES):
        pose = torch.tensor(rng.normal(0.5, 0.2, (4, 21, 3)), dtype=torch.float32)
        known = torch.ones(4, 21, 3, dtype=torch.bool)
        known[:, 2, 2] = False
        model.learn_mean(pose, known)
        seen.append(pose)
    expected = torch.cat(seen).mean(0)
    expected[2, 2] = 0.0  # never annotated: the starting value
    torch.testing.assert_close(model.mean_pose, expected, atol=1e-4, rtol=0)
    model.learn_mean(pose + 9, known)
    torch.testing.assert_close(model.mean_pose, expected, atol=1e-4, rtol=0)


def test_learns_one_batch():
    torch.manual_seed(0)
    model = build({**TINY, "width": 8}).train()
    generator = torch.Generator().manual_seed(3)
    uv = torch.rand(4, 21, 2, generator=generator) * 32
    depth = torch.randn(4, 21, generator=generator) * 0.3
    batch = batch_of(uv, depth)
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    first = last = holistic_loss(model, batch, LossWeights(depth=1.0))
    for _ in range(80):
        last = holistic_loss(model, batch, LossWeights(depth=1.0))
        optimizer.zero_grad()
        last["loss"].backward()
        optimizer.step()
    assert last["px"] < 0.5 * first["px"] and last["depth"] < 0.7 * first["depth"]
    assert model.residuals.uv.mean() != 0.01


def test_weights_survive_the_disk(tmp_path):
    model = build(TINY).eval()
    model.mean_pose.uniform_(0, 1)
    torch.nn.init.normal_(model.pose.weight)
    save_network(model, TINY, tmp_path / "holistic.safetensors", torch.float32)
    again = load_any(tmp_path / "holistic.safetensors")
    images = torch.rand(2, 3, 32, 32)
    for a, b in zip(model(images), again(images), strict=True):
        torch.testing.assert_close(a, b)


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="depth; holistic allows"):
        build({"formulation": "holistic", "depth": 50})

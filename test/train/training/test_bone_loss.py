"""bone_loss.py: plausible hands cost nothing, and only the depths are asked to move."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d.networks.latent import build
from hand_pose_25d_train.datasets.bone_proportions import PROPORTIONS, bone_errors
from hand_pose_25d_train.evaluation.project.kinematic_hand import pose_hands
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.bone_loss import bone_loss
from hand_pose_25d_train.training.pose.losses import latent_loss

SIZE = 128
LENGTHS = 0.09 * np.array(PROPORTIONS).reshape(1, 20)


def hands(seed: int, count: int, focal: float, distance: float) -> dict[str, torch.Tensor]:
    """Hands of the expected proportions in random poses, as labels of crops."""
    rng = np.random.default_rng(seed)
    points = pose_hands(np.repeat(LENGTHS, count, 0), rng)
    points = points - points[:, :1] + (0, 0, distance)
    uv = focal * points[..., :2] / points[..., 2:] + (SIZE - 1) / 2
    relative = (points[..., 2] - distance) / 0.09
    return {
        "uv": torch.tensor(uv, dtype=torch.float32),
        "uv_weight": torch.ones(count, 21),
        "depth": torch.tensor(relative, dtype=torch.float32),
        "focal": torch.full((count,), focal),
        "bones": torch.ones(count),
    }


@given(st.integers(0, 10_000), st.floats(0.3, 2.0))
@settings(max_examples=40)
def test_hands_of_the_expected_proportions_cost_next_to_nothing(seed: int, z: float) -> None:
    batch = hands(seed, 4, 300.0, z)
    assert bone_loss(batch["depth"], batch, SIZE).item() < 0.02
    rays = (batch["uv"] - (SIZE - 1) / 2) / 300.0
    at_truth = bone_errors(rays, batch["depth"], torch.full((4, 1), z / 0.09))
    assert at_truth.max().item() < 1e-4


@pytest.mark.parametrize(("factor", "least"), [(0.0, 0.4), (0.5, 0.1), (1.6, 0.1)])
def test_flattened_or_stretched_depths_cost(factor: float, least: float) -> None:
    batch = hands(1, 64, 300.0, 0.6)
    assert bone_loss(batch["depth"] * factor, batch, SIZE).item() > least


def test_the_size_of_the_crop_and_the_lens_do_not_matter() -> None:
    near, far = hands(2, 8, 150.0, 0.5), hands(2, 8, 600.0, 0.5)
    bent = near["depth"] * 0.7
    assert bone_loss(bent, near, SIZE).item() == pytest.approx(
        bone_loss(bent, far, SIZE).item(), rel=0.02
    )


def test_descent_finds_depths_that_fit() -> None:
    batch = hands(3, 16, 300.0, 0.6)
    depth = (batch["depth"] * 0.6).requires_grad_()
    before = bone_loss(depth, batch, SIZE).item()
    optimizer = torch.optim.Adam([depth], 0.01)
    for _ in range(200):
        optimizer.zero_grad()
        bone_loss(depth - depth[:, :1], batch, SIZE).backward()
        optimizer.step()
    assert bone_loss(depth - depth[:, :1], batch, SIZE).item() < 0.1 * before


def test_others_do_not_count() -> None:
    batch = hands(4, 3, 300.0, 0.6)
    flat = torch.zeros(3, 21, requires_grad=True)
    batch["bones"][0] = 0
    batch["uv_weight"][1, 7] = 0  # a fingertip outside of the crop
    bone_loss(flat, batch, SIZE).backward()
    assert flat.grad is not None
    assert flat.grad[:2].abs().max() == 0
    assert flat.grad[2].abs().max() > 0
    batch["bones"][:] = 0
    assert bone_loss(flat, batch, SIZE).item() == 0


def test_the_networks_loss_takes_it_where_it_is_weighed() -> None:
    torch.manual_seed(0)
    network = build({"backbone": "mbconv", "input_size": 64})
    batch = hands(5, 2, 150.0, 0.6)
    batch["uv"] = batch["uv"] * 64 / SIZE
    batch |= {
        "image": torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8),
        "depth_weight": torch.zeros(2, 21),
        **{name: torch.ones(2) for name in ("presence", "is_right", "handedness_weight")},
    }
    without = latent_loss(network, batch, LossWeights())
    weighed = latent_loss(network, batch, LossWeights(bones=2.0))
    assert "bones" not in without
    assert weighed["bones"].item() > 0
    stages, features = network.run_stages(batch["image"].float() / 255)
    initial = features.initial_depth - features.initial_depth[:, :1]
    extra = 2 * weighed["bones"] + 2 * LossWeights().initial * bone_loss(initial, batch, 64)
    assert (weighed["loss"] - without["loss"]).item() == pytest.approx(extra.item(), rel=1e-3)

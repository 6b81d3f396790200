"""training/pose/losses.py: Eq. 9 against numbers worked by hand, masks, and who gets gradients."""

from __future__ import annotations

import math

import pytest
import torch

from hand_pose_25d.networks.latent import Stage
from hand_pose_25d_train.networks.formulations import build_any
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.losses import (
    certainties,
    latent_loss,
    likelihood_loss,
    pose_loss,
)

SIZE = 64
SMALL = {
    "formulation": "latent",
    "backbone": "encoder_decoder",
    "width": 8,
    "levels": 2,
    "input_size": SIZE,
}


def batch(count: int = 2) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "image": torch.randint(0, 256, (count, 3, SIZE, SIZE), dtype=torch.uint8),
        "uv": torch.rand(count, 21, 2) * SIZE,
        "uv_weight": torch.ones(count, 21),
        "depth": torch.rand(count, 21),
        "depth_weight": torch.ones(count, 21),
        "presence": torch.ones(count),
        "is_right": torch.ones(count),
        "handedness_weight": torch.ones(count),
    }


def test_pixels_count_as_those_of_a_128_crop_and_depths_20_times() -> None:
    b = batch()
    uv, depth = b["uv"] + torch.tensor([3.0, -1.0]), b["depth"] + 0.1
    pixels, depths = pose_loss(uv, depth, b, SIZE, 20.0)
    assert pixels.item() == pytest.approx((3 + 1) * 128 / SIZE, rel=1e-5)
    assert depths.item() == pytest.approx(20 * 0.1, rel=1e-4)


def test_samples_without_3d_have_no_depth_term() -> None:
    b = batch()
    b["depth_weight"][1] = 0
    depth = b["depth"].clone()
    depth[0] += 0.2
    depth[1] += 77
    assert pose_loss(b["uv"], depth, b, SIZE, 20.0)[1].item() == pytest.approx(4.0, rel=1e-4)
    b["depth_weight"][:] = 0
    assert pose_loss(b["uv"], depth, b, SIZE, 20.0)[1].item() == 0


def test_weak_depths_count_less() -> None:
    b = batch()
    b["depth_weight"][:] = 0.3
    assert pose_loss(b["uv"], b["depth"] + 1, b, SIZE, 20.0)[1].item() == pytest.approx(6.0)


def stage(b: dict[str, torch.Tensor], error: float, sigma: float) -> Stage:
    eye = torch.eye(2).expand(2, 21, 2, 2) * sigma**2
    heat = torch.zeros(2, 21, 4, 4)
    uv = b["uv"] + torch.tensor([error, 0.0])
    return Stage(uv, b["depth"], eye, torch.zeros(2, 21), heat, heat)


def test_likelihood_is_best_at_the_true_spread() -> None:
    b = batch()
    b["depth_weight"][:] = 0
    # One coordinate is off by e, the other by 0: the best round Gaussian has variance e^2 / 2.
    best = likelihood_loss(stage(b, 4.0, 4 / math.sqrt(2)), b, SIZE)
    for other in (2.0, 4.0):
        assert likelihood_loss(stage(b, 4.0, other), b, SIZE) > best
    assert best.item() == pytest.approx(1 + math.log(8.0 * (128 / SIZE) ** 2), rel=1e-4)


def test_likelihood_never_moves_the_pose() -> None:
    b = batch()
    uv = (b["uv"] + 1).requires_grad_()
    s = stage(b, 1.0, 2.0)._replace(uv=uv, covariance=stage(b, 1, 2.0).covariance.clone())
    s.covariance.requires_grad_()
    likelihood_loss(s, b, SIZE).backward()
    assert uv.grad is None
    assert s.covariance.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("power", "sure", "unsure"),
    [(0.0, 1.0, 1.0), (0.5, 2.0, 0.5), (1.0, 4.0, 0.25), (2.0, 4.0, 0.25)],
)
def test_what_is_certain_counts_more(power: float, sure: float, unsure: float) -> None:
    b = batch()
    s = stage(b, 0.0, 1.0)
    half = torch.arange(42).view(2, 21) % 2 == 0  # Scales of 0.5 and 8 pixels: 2 is typical.
    sigma = torch.where(half, 0.5, 8.0)
    s = s._replace(
        covariance=torch.eye(2) * sigma[..., None, None] ** 2,
        log_depth_scale=torch.where(half, 0.1, 1.6).log(),
    )
    uv_counts, depth_counts = certainties(s, b, power)
    wanted = torch.where(half, sure, unsure)
    torch.testing.assert_close(uv_counts, wanted)
    # The root's depth scale is taken from its hand's others, ten of one kind and ten of the other.
    torch.testing.assert_close(depth_counts[:, 1:], wanted[:, 1:])
    torch.testing.assert_close(depth_counts[:, 0], torch.ones(2))
    uv = b["uv"] + torch.where(half, 1.0, 2.0)[..., None]
    depth = b["depth"] + torch.where(half, 0.1, 0.2)
    pixels, _ = pose_loss(uv, depth, b, SIZE, 20.0, (uv_counts, depth_counts))
    mean = (1 * sure + 2 * unsure) / (sure + unsure)
    assert pixels.item() == pytest.approx(2 * mean * 128 / SIZE, rel=1e-5)
    b["depth_weight"][1] = 0
    _, depths = pose_loss(uv, depth, b, SIZE, 20.0, (uv_counts, torch.where(half, sure, unsure)))
    mean = (11 * 0.1 * sure + 10 * 0.2 * unsure) / (11 * sure + 10 * unsure)
    assert depths.item() == pytest.approx(20 * mean, rel=1e-4)


def test_certainty_is_not_sought_and_empty_batches_have_none() -> None:
    net = build_any(SMALL)
    b = batch()
    weights = LossWeights(likelihood=0, presence=0, handedness=0, certainty=0.5)
    stages, _ = net.run_stages(b["image"].float() / 255)
    assert not any(counts.requires_grad for counts in certainties(stages[-1], b, 0.5))
    for key in ("uv_weight", "depth_weight", "handedness_weight", "presence"):
        b[key][:] = 0
    terms = latent_loss(net, b, weights)
    assert (terms["uv"], terms["depth"]) == (0, 0)


def test_empty_crops_teach_presence_only() -> None:
    b = batch()
    for key in ("uv_weight", "depth_weight", "handedness_weight", "presence"):
        b[key][:] = 0
    net = build_any(SMALL)
    terms = latent_loss(net, b)
    assert terms["uv"] == 0
    assert terms["depth"] == 0
    assert terms["handedness"] == 0
    assert terms["presence"] > 0
    terms["loss"].backward()
    assert net.backbone.presence.weight.grad.abs().sum() > 0


def test_every_stage_is_supervised() -> None:
    torch.manual_seed(0)
    two = build_any({**SMALL, "stages": 2})
    terms = latent_loss(two, batch(), LossWeights(likelihood=0, presence=0, handedness=0))
    assert terms["loss"] > terms["uv"] + terms["depth"]  # the first stage's terms are in, too
    terms["loss"].backward()
    assert two.backbone.heads[0].weight.grad.abs().sum() > 0

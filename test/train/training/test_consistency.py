"""The same hand in two crops: the second view, and the term that compares the answers."""

from __future__ import annotations

import pytest
import torch
from test_distillation import batch, network

from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.consistency import (
    SECOND_VIEW,
    in_second_view,
    with_second_views,
)
from hand_pose_25d_train.training.pose.distillation import resized_batch
from hand_pose_25d_train.training.pose.losses import consistency_loss, latent_loss

SIDE = 96


def spots(count: int = 6) -> dict[str, torch.Tensor]:
    """A batch of black crops, each with one round bright spot at its first keypoint."""
    given = batch(SIDE, count)
    given["uv"][:, 0] = torch.tensor([40.0, 55.0]) + torch.arange(count)[:, None] * 1.5
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    there = torch.stack([columns, rows], -1)[None] - given["uv"][:, None, None, 0]
    spot = 250 * (-there.square().sum(-1) / 18).exp()
    given["image"] = spot[:, None].expand(-1, 3, -1, -1).round().byte()
    return given


def centres(images: torch.Tensor) -> torch.Tensor:
    """Return the centres of mass of images (N, 3, S, S), (N, 2) px."""
    mass = images[:, 0].double()
    total = mass.sum((1, 2))
    places = torch.arange(images.shape[-1]).double()
    return (
        torch.stack([(mass.sum(1) * places).sum(1), (mass.sum(2) * places).sum(1)], -1)
        / (total[:, None])
    )


def test_keypoints_are_where_the_second_view_shows_them():
    doubled = with_second_views(spots(), seed=3)
    assert doubled["image"].dtype == torch.uint8
    assert doubled["image"].shape == (12, 3, SIDE, SIDE)
    assert centres(doubled["image"]) == pytest.approx(doubled["uv"][:, 0].double(), abs=0.1)
    moved = (doubled["uv"][6:] - doubled["uv"][:6]).norm(dim=-1)
    assert 1 < float(moved.mean()) < 15
    assert torch.equal(doubled["depth"][:6], doubled["depth"][6:])


def test_a_second_view_is_closer_by_what_its_focal_length_says():
    doubled = with_second_views(batch(SIDE), seed=0)
    first, second = doubled["uv"].chunk(2)
    ratio = (second[:, 0] - second[:, 1]).norm(dim=-1) / (first[:, 0] - first[:, 1]).norm(dim=-1)
    assert torch.allclose(doubled["focal"][3:] / doubled["focal"][:3], ratio, rtol=1e-4)
    assert ((ratio >= 1) & (ratio <= 1.13)).all()


def test_the_seed_decides_what_is_drawn():
    one, same, other = (with_second_views(batch(SIDE), seed) for seed in (1, 1, 2))
    assert torch.equal(one["image"], same["image"])
    assert not torch.equal(one[SECOND_VIEW], other[SECOND_VIEW])


def test_answers_that_agree_cost_nothing_and_others_what_they_are_apart():
    given = batch(SIDE)
    given["presence"][2] = 0
    doubled = with_second_views(given, seed=0)
    uv, depth = doubled["uv"], doubled["depth"]
    assert float(consistency_loss(uv, depth, doubled, SIDE, 20.0)) < 1e-4
    uv = uv.clone()
    uv[3:, :, 0] += 3.0
    depth = depth.clone()
    depth[3:] += 0.1
    expected = 3.0 * 128 / SIDE + 20 * 0.1
    assert float(consistency_loss(uv, depth, doubled, SIDE, 20.0)) == pytest.approx(expected, 1e-4)
    uv[5], depth[5] = 1e3, 1e3  # a crop without a hand
    assert float(consistency_loss(uv, depth, doubled, SIDE, 20.0)) == pytest.approx(expected, 1e-4)


def test_views_of_a_batch_of_another_size_stay_the_same_views():
    model = network(64)
    smaller = resized_batch(with_second_views(batch(SIDE), seed=0), SIDE, model)
    first, second = smaller["uv"].chunk(2)
    assert torch.allclose(in_second_view(first, smaller[SECOND_VIEW], 64), second, atol=1e-3)


def test_the_loss_counts_it_where_the_batch_has_second_views():
    model = network(SIDE)
    alone = latent_loss(model, batch(SIDE), LossWeights())
    assert "consistency" not in alone
    doubled = with_second_views(batch(SIDE), seed=0)
    with torch.no_grad():
        losses = [latent_loss(model, doubled, LossWeights(consistency=w)) for w in (0.0, 2.0)]
    added = float(losses[1]["loss"] - losses[0]["loss"])
    assert float(losses[0]["consistency"]) > 0
    assert added == pytest.approx(2 * float(losses[0]["consistency"]), rel=1e-3)

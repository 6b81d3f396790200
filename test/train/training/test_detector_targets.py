"""What the detector's cells are to say, and the loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hands_2d import hand_at

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.networks.detector_net import STRIDES, Cells, cell_centers
from hand_pose_25d_train.training.detector.scenes import SceneHand
from hand_pose_25d_train.training.detector.targets import (
    LEVEL_SIZES,
    detector_loss,
    generalized_iou,
    palm_center,
    scene_targets,
)

SIDE = 256
LEVELS = np.concatenate([np.full((SIDE // s) ** 2, s) for s in STRIDES])
CELLS = np.concatenate([cell_centers(SIDE // s, SIDE // s, s).numpy() for s in STRIDES])


@pytest.mark.parametrize(("height", "strides"), [(30, {8}), (60, {8}), (80, {8, 16}), (160, {16})])
def test_a_hands_size_decides_which_level_answers(height: float, strides: set[int]) -> None:
    hand = SceneHand(hand_at(120, 130, height), True)
    targets = scene_targets([hand], SIDE)
    positive = targets["score"] > 0
    assert set(LEVELS[positive].tolist()) == strides
    distance = np.linalg.norm(CELLS[positive] - palm_center(hand.uv), axis=1)
    region = Region.from_keypoints(hand.uv)
    assert distance.max() <= max(0.1 * region.size, 0.75 * 16)
    assert LEVEL_SIZES[0][0] <= region.size


def test_positive_cells_carry_the_hand() -> None:
    hand = SceneHand(hand_at(120, 130, 60, angle=0.5), False)
    targets = scene_targets([hand], SIDE)
    (row, *_) = np.flatnonzero(targets["score"] > 0)
    region = Region.from_keypoints(hand.uv)
    assert targets["center"][row] == pytest.approx(region.center, abs=1e-3)
    assert targets["size"][row] == pytest.approx(region.size, rel=1e-5)
    expected = [*hand.uv.min(axis=0), *hand.uv.max(axis=0)]
    assert targets["box"][row] == pytest.approx(expected, abs=1e-3)
    angle = math.atan2(targets["direction"][row][0], -targets["direction"][row][1])
    assert angle == pytest.approx(region.angle, abs=1e-5)
    assert targets["is_right"][row] == 0
    width = (hand.uv[17] - hand.uv[5]) / region.size
    assert targets["across"][row] == pytest.approx(4 * width, rel=1e-5)


@pytest.mark.parametrize(
    "hand",
    [
        SceneHand(hand_at(-20, 130, 60), True),  # its palm is outside
        SceneHand(hand_at(120, 130, 60), True, visible=0.1),
        SceneHand(hand_at(120, 130, 6), True),  # too small
    ],
)
def test_nothing_is_asked_where_a_hand_can_hardly_be_seen(hand: SceneHand) -> None:
    score = scene_targets([hand], SIDE)["score"]
    assert not (score > 0).any()
    assert (score == -1).any()
    assert (score == 0).mean() > 0.8


def test_each_of_two_near_hands_has_cells_of_its_own() -> None:
    a, b = SceneHand(hand_at(110, 130, 60), True), SceneHand(hand_at(140, 130, 60), False)
    targets = scene_targets([a, b], SIDE)
    rights = targets["is_right"][targets["score"] > 0]
    assert set(rights.tolist()) == {0.0, 1.0}


def test_an_empty_scene_asks_every_cell_for_nothing() -> None:
    assert (scene_targets([], SIDE)["score"] == 0).all()


def exact(targets: dict[str, torch.Tensor]) -> Cells:
    """Cells that say exactly what is wanted."""
    return Cells(
        score=torch.where(targets["score"] > 0, 12.0, -12.0),
        box=targets["box"].clone(),
        center=targets["center"].clone(),
        size=targets["size"].clone(),
        direction=targets["direction"].clone(),
        right=targets["is_right"] * 24 - 12,
        across=targets["across"].clone(),
        back=torch.where(targets["is_right"] > 0.5, 12.0, -12.0),  # of a right hand, by its shape
    )


def batch() -> dict[str, torch.Tensor]:
    made = scene_targets([SceneHand(hand_at(120, 130, 60), True)], SIDE)
    return {key: torch.from_numpy(value)[None] for key, value in made.items()}


def test_the_loss_of_the_truth_is_zero() -> None:
    targets = batch()
    assert detector_loss(exact(targets), targets)["loss"].item() < 1e-4


@pytest.mark.parametrize(
    ("parts", "index"),
    [
        (("box", "overlap"), 1),
        (("center",), 2),
        (("size",), 3),
        (("direction",), 4),
        (("handedness",), 5),
        (("across",), 6),
        (("back",), 7),
    ],
)
def test_each_error_shows_in_its_own_part(parts: tuple[str, ...], index: int) -> None:
    targets = batch()
    cells = list(exact(targets))
    cells[index] = -cells[index] - 5
    losses = detector_loss(Cells(*cells), targets)
    assert all(losses[part] > 0.1 for part in parts)
    assert all(v < 1e-4 for k, v in losses.items() if k not in (*parts, "loss"))
    assert losses["loss"] > 0.03


def test_a_batch_without_hands_has_a_gradient_for_scores_alone() -> None:
    targets = {k: torch.zeros_like(v) for k, v in batch().items()}
    cells = Cells(*(c.clone().requires_grad_() for c in exact(batch())))
    detector_loss(cells, targets)["loss"].backward()
    assert cells.score.grad is not None and cells.score.grad.abs().max() > 0
    assert cells.box.grad is not None and cells.box.grad.abs().max() == 0


def test_half_the_angle_is_half_the_loss() -> None:
    targets = batch()
    losses = []
    for angle in (0.1, 0.2):
        turn = torch.tensor([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        cells = exact(targets)._replace(direction=targets["direction"] @ turn.float())
        losses.append(detector_loss(cells, targets)["direction"].item())
    assert losses[0] == pytest.approx(0.1, rel=0.02)
    assert losses[1] / losses[0] == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 10, 10), 1.0),
        ((5, 0, 15, 10), 50 / 150),
        ((10, 0, 20, 10), 0.0),
        ((20, 0, 30, 10), -100 / 300),
        ((2, 2, 4, 4), 4 / 100),
        ((8, 8, 2, 2), 0.0),  # turned inside out: no area of its own
    ],
)
def test_generalized_iou(other: tuple[float, ...], expected: float) -> None:
    box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    found = generalized_iou(box, torch.tensor([other], dtype=torch.float32))
    assert found.item() == pytest.approx(expected, abs=1e-5)

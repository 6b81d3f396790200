"""A detector as another one's teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hands_2d import hand_at
from small_networks import CONFIGS, make_network, save_small

from hand_pose_25d.networks.detector_net import Cells
from hand_pose_25d_train.training.detector.scenes import SceneHand
from hand_pose_25d_train.training.detector.targets import detector_loss, scene_targets
from hand_pose_25d_train.training.detector.teacher import DetectorTeacher, answer_loss
from hand_pose_25d_train.training.teaching import Teaching


def cells_of(score: float, right: float = 3.0, count: int = 6) -> Cells:
    rows = torch.ones(2, count)
    return Cells(
        score=score * rows,
        box=torch.tensor([10.0, 10, 50, 50]).expand(2, count, 4).clone(),
        center=30 * torch.ones(2, count, 2),
        size=60 * rows,
        direction=torch.tensor([0.0, -1.0]).expand(2, count, 2).clone(),
        right=right * rows,
        across=torch.ones(2, count, 2),
        back=rows.clone(),
    )


@pytest.mark.parametrize(
    ("ours", "asked", "low", "high"),
    [
        (cells_of(4.0), -1, 0.0, 0.2),  # the same answers: what is left is their own doubt
        (cells_of(-4.0), -1, 3.0, 5.0),
        (cells_of(4.0, right=-3.0), -1, 2.5, 3.5),
        (cells_of(4.0)._replace(size=30 * torch.ones(2, 6)), -1, 0.5, 0.8),
        (cells_of(-4.0), 0, 0.0, 1e-6),  # labels say there is no hand
        (cells_of(-4.0), 1, 0.0, 1e-6),
    ],
)
def test_answers_count_where_labels_say_nothing(
    ours: Cells, asked: int, low: float, high: float
) -> None:
    loss = answer_loss(ours, cells_of(4.0), torch.full((2, 6), float(asked)))
    assert low <= loss.item() <= high


@pytest.fixture
def teacher(tmp_path: Path) -> DetectorTeacher:
    return DetectorTeacher(Teaching(str(save_small("detector", tmp_path)), maps=2.0, answers=3.0))


def batch() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    rows = [scene_targets([SceneHand(hand_at(40, 30, 30), True)], 64)] * 4
    targets = {key: torch.from_numpy(np.stack([row[key] for row in rows])) for key in rows[0]}
    return torch.rand(4, 3, 64, 64), targets


def test_the_terms_are_weighed(teacher: DetectorTeacher) -> None:
    images, targets = batch()
    student = make_network("detector")
    terms = teacher.loss(student, images, targets)
    assert terms["maps"].item() < 1e-8, "the student is its teacher"
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.mul_(1.5)
    terms = teacher.loss(student, images, targets)
    alone = detector_loss(student(images), targets)["loss"]
    assert terms["maps"].item() > 0.01
    expected = alone + 2 * terms["maps"] + 3 * terms["answers"]
    assert terms["loss"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_teacher_does_not_learn(teacher: DetectorTeacher) -> None:
    images, targets = batch()
    student = make_network("detector")
    before = {k: v.clone() for k, v in teacher._network.state_dict().items()}
    teacher.loss(student, images, targets)["loss"].backward()
    assert all(p.grad is None for p in teacher._network.parameters())
    assert all(torch.equal(v, before[k]) for k, v in teacher._network.state_dict().items())
    assert any(p.grad is not None for p in student.parameters())


def test_only_a_detector_teaches(tmp_path: Path) -> None:
    assert CONFIGS["pose network"]["formulation"] == "latent"
    with pytest.raises(ValueError, match="a LatentNetwork"):
        DetectorTeacher(Teaching(str(save_small("pose network", tmp_path))))


@pytest.mark.parametrize("name", ["maps", "answers", "fade_steps"])
def test_weights_below_0_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must not be below 0"):
        Teaching(**{name: -1})


@pytest.mark.parametrize(("step", "weight"), [(0, 10.0), (50, 5.5), (100, 1.0), (900, 1.0)])
def test_the_maps_count_less_and_less(step: int, weight: float) -> None:
    assert Teaching("x", maps=10, maps_steps=100).weight_of_maps(step) == pytest.approx(weight)
    assert Teaching("x", maps=10).weight_of_maps(step) == 10

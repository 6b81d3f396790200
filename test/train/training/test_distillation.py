"""Learning from a larger network's maps."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from training_data import write_shards

from hand_pose_25d.networks.weights import build_network, load_network, read_config, save_network
from hand_pose_25d_train.training.config import TrainConfig
from hand_pose_25d_train.training.loop_config import LoopConfig
from hand_pose_25d_train.training.loss_weights import LossWeights
from hand_pose_25d_train.training.pose.distillation import (
    Distillation,
    relative_distance,
    resized_batch,
)
from hand_pose_25d_train.training.pose.losses import latent_loss
from hand_pose_25d_train.training.pose.trainer import Folders, train

CONFIG = {"formulation": "latent", "backbone": "mbconv", "width": 8, "expansions": [8] * 14,
          "last_width": 16}  # fmt: skip


def network(side: int, **changes: object) -> nn.Module:
    torch.manual_seed(1)
    return build_network({**CONFIG, "input_size": side, **changes})


def batch(side: int, count: int = 3) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    ones = torch.ones(count)
    return {
        "image": torch.randint(0, 256, (count, 3, side, side), generator=rng, dtype=torch.uint8),
        "uv": torch.rand((count, 21, 2), generator=rng) * side,
        "depth": torch.zeros(count, 21),
        "uv_weight": torch.ones(count, 21),
        "depth_weight": torch.ones(count, 21),
        "focal": ones * 100,
        "bones": torch.zeros(count),
        "presence": ones,
        "is_right": ones,
        "handedness_weight": ones,
    }


def test_a_network_is_at_no_distance_from_itself():
    teacher, student = network(64), network(64)
    terms = Distillation(teacher, student).loss(student, batch(64), LossWeights(maps=20.0))
    assert float(terms["maps"]) < 1e-9
    assert float(terms["loss"]) == pytest.approx(
        float(latent_loss(student, batch(64), LossWeights())["loss"]), rel=1e-5
    )


def test_the_maps_pull_the_student_and_leave_the_teacher():
    teacher, student = network(96), network(64)
    with torch.no_grad():
        for parameter in student.backbone.encoder.blocks[5].parameters():
            parameter.mul_(1.5)
    distillation = Distillation(teacher, student)
    assert distillation.input_size == 96
    terms = distillation.loss(student, batch(96), LossWeights(maps=20.0))
    plain = distillation.loss(student, batch(96), LossWeights())
    assert float(terms["loss"] - plain["loss"]) == pytest.approx(
        20 * float(terms["maps"]), rel=1e-4
    )
    assert float(terms["maps"]) > 1e-3
    terms["maps"].backward()
    assert float(student.backbone.encoder.blocks[5].expand.weight.grad.abs().max()) > 0
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_distance_is_relative_and_minds_no_size():
    wanted = torch.rand(2, 4, 8, 8) + 1
    smaller = nn.functional.interpolate(wanted, (4, 4), mode="bilinear", antialias=True)
    assert float(relative_distance(smaller, wanted)) == pytest.approx(0, abs=1e-9)
    assert float(relative_distance(0 * smaller, wanted)) == pytest.approx(1, rel=1e-6)
    assert float(relative_distance(1.1 * smaller, wanted)) == pytest.approx(0.01, rel=1e-4)


def test_labels_move_with_the_crop():
    """The last pixel's centre of 96 is at 63.17 of 64: both lie half a pixel within the edge."""
    given = batch(96)
    given["uv"][0, 0] = torch.tensor([95.0, -0.5])
    small = resized_batch(given, 96, network(64))
    assert small["image"].shape[-2:] == (64, 64)
    assert small["uv"][0, 0].tolist() == pytest.approx([95.5 * 64 / 96 - 0.5, -0.5])
    assert small["focal"].tolist() == pytest.approx([100 * 64 / 96] * 3)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        (nn.Linear(1, 1), "a Linear has no maps to learn from"),
        (network(64, width=16), r"the teacher's maps have \[24, 40, 112, 16, 16\] channels"),
    ],
)
def test_networks_that_do_not_fit_are_named(teacher, message):
    with pytest.raises(ValueError, match=message):
        Distillation(teacher, network(64))


def test_a_training_run_has_a_teacher(tmp_path):
    write_shards(tmp_path / "renders", 8, 0)
    large = tmp_path / "large.safetensors"
    save_network(network(96), {**CONFIG, "input_size": 96}, large)
    config = TrainConfig(
        {"formulation": "latent", "input_size": 64, "width": 8}, {}, str(large), str(large),
        loss=LossWeights(maps=1.0),
    )  # fmt: skip
    config.data.batch_size = 2
    loop = LoopConfig(tmp_path / "run", 2, precision="float32", device="cpu")
    path = train(config, Folders([tmp_path / "renders"]), loop, 0)
    assert read_config(path)["input_size"] == 64 and read_config(path)["expansions"] == [8] * 14
    assert load_network(path).input_size == 64

"""The handedness by the pose's geometry."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from hand_pose_25d.networks.handedness import HandednessOfPose
from hand_pose_25d.networks.latent import build
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands


def poses(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    hands = sample_hands(BoneLengthPrior.default(), count, np.random.default_rng(seed))
    uv = 300 * hands.keypoints[..., :2] / hands.keypoints[..., 2:] + 112
    depth = encode(hands.keypoints).relative_depth
    values = (uv, depth, hands.is_right)
    return tuple(torch.from_numpy(np.asarray(v, np.float32)) for v in values)  # type: ignore


def test_it_learns_to_tell_mirror_images_apart():
    torch.manual_seed(0)
    side = HandednessOfPose()
    uv, depth, right = poses(4000, 0)
    assert side(uv, depth).abs().max() == 0  # adds nothing at first
    optimizer = torch.optim.AdamW(side.parameters(), 5e-3)
    for start in range(0, 120 * 200, 200):
        rows = torch.arange(start, start + 200) % len(uv)
        answer = side(uv[rows], depth[rows])
        loss = functional.binary_cross_entropy_with_logits(answer, right[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    uv, depth, right = poses(1000, 1)
    answer = side(uv, depth)
    assert ((answer > 0) == (right > 0)).float().mean() > 0.97
    # Neither where the hand is nor how large makes a difference.
    torch.testing.assert_close(side(2 * uv + 50, depth), answer, atol=2e-3, rtol=1e-3)


def test_the_pose_is_not_bent_to_please_it():
    side = HandednessOfPose()
    torch.nn.init.ones_(side.layers[-1].weight)
    uv, depth, _ = poses(2, 0)
    uv.requires_grad_()
    depth.requires_grad_()
    side(uv, depth).sum().backward()
    assert uv.grad is None and depth.grad is None


@pytest.mark.parametrize("pose_side", [False, True])
def test_a_network_adds_it_in_training_and_in_use(pose_side):
    torch.manual_seed(0)
    config = {"input_size": 32, "width": 8, "expansions": [8] * 14, "last_width": 8}
    network = build({**config, "pose_side": pose_side}).eval()
    images = torch.rand(2, 3, 32, 32)
    before = network(images).right
    if network.side is not None:
        torch.nn.init.constant_(network.side.layers[-1].bias, 1.5)
    added = 1.5 if pose_side else 0.0
    torch.testing.assert_close(network(images).right, before + added)
    torch.testing.assert_close(network.run_stages(images)[1].handedness, before + added)

"""Layers that train quickly: the same answers, gradients and names, and gone afterwards."""

import pytest
import torch

from hand_pose_25d.networks.weights import build_network
from hand_pose_25d_train.networks.cpu.fast_layers import FAST, fast_layers

CONFIGS = {
    "pose": {"formulation": "latent", "input_size": 64, "width": 16, "expansions": [16] * 14,
             "last_width": 32},
    "detector": {"formulation": "detector", "branch_width": 16},
}  # fmt: skip


def made(name):
    torch.manual_seed(2)
    network = build_network(CONFIGS[name])
    with torch.no_grad():  # heads start at zero: give every layer something to do
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network, torch.rand(2, 3, 64, 64)


def gradients(network, images):
    network.zero_grad()
    total = sum(part.float().square().mean() for part in network(images))
    total.backward()
    return {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_are_the_librarys(name):
    network, images = made(name)
    plain = gradients(network.train(), images)
    with fast_layers(network) as fast:
        assert fast is network
        assert not [m for m in network.modules() if type(m) in FAST]
        found = gradients(network, images)
    assert found.keys() == plain.keys() and len(found) > 100
    for key, gradient in found.items():
        scale = plain[key].abs().max() + 1e-3
        torch.testing.assert_close(gradient / scale, plain[key] / scale, rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", CONFIGS)
def test_answers_in_use_are_the_same_to_the_last_bit(name):
    network, images = made(name)
    network.eval()
    with torch.inference_mode():
        before = network(images)
        with fast_layers(network):
            within = network(images)
    for one, other in zip(before, within, strict=True):
        assert torch.equal(one, other)


def test_the_librarys_layers_and_names_are_back_after_an_error():
    network, _ = made("pose")
    kinds, names = [type(m) for m in network.modules()], list(network.state_dict())
    with pytest.raises(RuntimeError, match="stop"), fast_layers(network):
        assert list(network.state_dict()) == names
        raise RuntimeError("stop")
    assert [type(m) for m in network.modules()] == kinds

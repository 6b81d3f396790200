"""Tests of the PReLU that trains quickly."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from hand_pose_25d_train.networks.cpu.prelu import FastPReLU


@pytest.mark.parametrize("channels_last", [False, True])
def test_values_and_gradients_are_those_of_prelu(channels_last: bool) -> None:
    torch.manual_seed(0)
    activation = FastPReLU(5)
    activation.weight.data.copy_(torch.tensor([0.0, 0.25, 1.0, -0.5, 2.0]))
    x = torch.randn(3, 5, 4, 6)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    weights = torch.randn(3, 5, 4, 6)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    slope = activation.weight.detach().clone().requires_grad_()
    (activation(ours) * weights).sum().backward()
    (F.prelu(theirs, slope) * weights).sum().backward()
    assert torch.equal(activation(x), F.prelu(x, slope))
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(activation.weight.grad, slope.grad)


def test_frozen_slopes_get_no_gradient() -> None:
    activation = FastPReLU(2).requires_grad_(False)
    x = torch.randn(1, 2, 3, 3, requires_grad=True)
    activation(x).sum().backward()
    assert activation.weight.grad is None
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_bfloat16_gradients_are_close() -> None:
    torch.manual_seed(1)
    activation = FastPReLU(3)
    x = torch.randn(2, 3, 8, 8)
    exact, rough = x.clone().requires_grad_(), x.clone().requires_grad_()
    activation(exact).square().sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        activation(rough.bfloat16()).float().square().sum().backward()
    torch.testing.assert_close(rough.grad, exact.grad, rtol=0.03, atol=0.03)

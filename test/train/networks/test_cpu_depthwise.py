"""The depthwise convolution equals torch's own, and so do its gradients."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from hand_pose_25d_train.networks.cpu.depthwise import depthwise_conv2d

CASES = [  # kernel, stride, padding, height, width
    (5, 1, 2, 9, 12),
    (5, 2, 0, 17, 17),
    (5, 2, 0, 18, 15),
    (5, 1, 0, 5, 7),
    (3, 1, 1, 8, 8),
    (3, 2, 0, 9, 9),
]


def tensors(kernel, height, width, with_bias=True):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 6, height, width, generator=generator, requires_grad=True)
    weight = torch.randn(6, 1, kernel, kernel, generator=generator, requires_grad=True)
    bias = torch.randn(6, generator=generator, requires_grad=True) if with_bias else None
    return x, weight, bias


@pytest.mark.parametrize(("kernel", "stride", "padding", "height", "width"), CASES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_gradients_are_those_of_torch(kernel, stride, padding, height, width, with_bias):
    inputs = tensors(kernel, height, width, with_bias)
    x, weight, bias = inputs
    wanted = [t for t in inputs if t is not None]
    expected = F.conv2d(x, weight, bias, stride, padding, 1, 6)
    found = depthwise_conv2d(x, weight, bias, stride, padding)
    assert torch.equal(found, expected)
    outer = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    pairs = zip(
        torch.autograd.grad(found, wanted, outer),
        torch.autograd.grad(expected, wanted, outer),
        strict=True,
    )
    for gradient, reference in pairs:
        torch.testing.assert_close(gradient, reference, rtol=1e-4, atol=1e-4)


def test_bfloat16_gradients_are_close():
    x, weight, bias = tensors(5, 14, 14)
    outer = torch.randn(3, 6, 14, 14, generator=torch.Generator().manual_seed(1))
    exact = torch.autograd.grad(F.conv2d(x, weight, bias, 1, 2, 1, 6), (x, weight, bias), outer)
    with torch.autocast("cpu", torch.bfloat16):
        y = depthwise_conv2d(x, weight, bias, 1, 2)
        rounded = torch.autograd.grad(y, (x, weight, bias), outer.to(y.dtype))
    assert y.dtype == torch.bfloat16
    for gradient, reference in zip(rounded, exact, strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - reference).abs().mean() < 0.01 * reference.abs().mean()


def test_without_gradients_nothing_is_kept():
    x, weight, bias = tensors(5, 9, 9)
    with torch.no_grad():
        y = depthwise_conv2d(x, weight, bias, 1, 2)
    assert not y.requires_grad
    frozen = depthwise_conv2d(x.detach(), weight.detach(), None, 1, 2)
    assert frozen.grad_fn is None

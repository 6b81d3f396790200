"""The compiled depthwise convolution equals torch's own, and so do its gradients."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from hand_pose_25d.networks.backbone import InvertedResidual
from hand_pose_25d_train.networks.cpu import compiled
from hand_pose_25d_train.networks.cpu.fast_layers import fast_layers
from hand_pose_25d_train.networks.cpu.same import FastSameConv2d

pytestmark = pytest.mark.skipif(not compiled.available(), reason="no C++ compiler")

CASES = [  # kernel, stride, channels, height, width: whole vectors of channels and parts of one
    (5, 1, 16, 9, 12),
    (5, 1, 40, 14, 14),
    (5, 2, 24, 17, 20),
    (3, 1, 7, 8, 5),
    (3, 2, 33, 9, 15),
    (3, 1, 24, 60, 130),  # wider than the rows that are taken at a time
    (5, 2, 16, 1, 2),
]


def tensors(kernel, channels, height, width):
    generator = torch.Generator().manual_seed(0)
    x = 4 * torch.randn(3, channels, height, width, generator=generator)
    weight = torch.randn(channels, 1, kernel, kernel, generator=generator)
    bias = torch.randn(channels, generator=generator)
    return [t.requires_grad_() for t in (x, weight, bias)]


def padded(x, kernel, stride):
    totals = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[:-3:-1]]
    return F.pad(x, [half for t in totals for half in (t // 2, t - t // 2)])


def layer(weight, bias, stride):
    channels, kernel = len(weight), weight.shape[-1]
    convolution = FastSameConv2d(channels, channels, kernel, stride, groups=channels)
    convolution.weight, convolution.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)
    return convolution


@pytest.mark.parametrize("clamped", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "channels", "height", "width"), CASES)
def test_results_and_gradients_are_those_of_torch(
    kernel, stride, channels, height, width, clamped
):
    x, weight, bias = tensors(kernel, channels, height, width)
    expected = F.conv2d(padded(x, kernel, stride), weight, bias, stride, 0, 1, channels)
    expected = F.relu6(expected) if clamped else expected
    convolution = layer(weight, bias, stride).train()
    found = convolution.relu6(x) if clamped else convolution(x)
    assert found.grad_fn.name().startswith("_Depthwise")
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    outer = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    reference = torch.autograd.grad(expected, (x, weight, bias), outer)
    gradients = torch.autograd.grad(found, (x, convolution.weight, convolution.bias), outer)
    for gradient, wanted in zip(gradients, reference, strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_nothing_but_rounding(threads):
    x, weight, bias = tensors(5, 24, 14, 14)
    convolution = layer(weight, bias, 1).train()
    before = torch.get_num_threads()
    results = []
    try:
        for count in (1, threads):
            torch.set_num_threads(count)
            y = convolution.relu6(x)
            results.append((y, *torch.autograd.grad(y.sum(), (x, convolution.weight))))
    finally:
        torch.set_num_threads(before)
    for one, several in zip(*results, strict=True):
        torch.testing.assert_close(several, one, rtol=1e-5, atol=1e-3)


def test_bfloat16_is_as_close_to_float32_as_torch_is():
    torch.manual_seed(0)
    block = InvertedResidual(16, 48, 16, 5, 1).train()
    x = torch.randn(4, 16, 14, 14)
    exact = gradients_of(block, x, amp=False)
    by_torch = distance(gradients_of(block, x, amp=True), exact)
    with fast_layers(block):
        fast = distance(gradients_of(block, x, amp=True), exact)
    assert fast < min(0.02, 1.5 * by_torch)  # rounding differs, its size does not


def gradients_of(block, x, amp):
    with torch.autocast("cpu", torch.bfloat16, enabled=amp):
        loss = block(x).float().square().sum()
    return torch.autograd.grad(loss, list(block.parameters()))


def distance(found, exact):
    errors = [(f - e).norm() / e.norm() for f, e in zip(found, exact, strict=True)]
    return float(torch.stack(errors).mean())


def test_a_nan_stays_one_in_bfloat16():
    x, weight, bias = tensors(3, 16, 7, 7)
    broken = x.detach().clone()
    broken[0, 3, 2, 2] = torch.nan
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(weight, bias, 1).train()(broken)
    expected = torch.zeros(7, 7, dtype=torch.bool)
    expected[1:4, 1:4] = True
    assert torch.equal(y[0, 3].isnan(), expected)
    assert y.isnan().sum() == 9


def test_frozen_weights_get_no_gradient_and_the_input_does():
    x, weight, bias = tensors(3, 16, 7, 7)
    convolution = layer(weight, bias, 1).train().requires_grad_(False)
    convolution.relu6(x).sum().backward()
    assert convolution.weight.grad is None
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_other_types_are_left_to_torch():
    x, weight, bias = (t.detach().double() for t in tensors(3, 16, 7, 7))
    y = layer(weight, bias, 1).train().relu6(x)
    assert y.dtype == torch.float64
    torch.testing.assert_close(y, F.relu6(F.conv2d(x, weight, bias, 1, 1, 1, 16)))


def test_outside_of_training_torch_does_it():
    x, weight, bias = tensors(3, 16, 7, 7)
    assert not layer(weight, bias, 1).eval()(x).grad_fn.name().startswith("_Depthwise")


@pytest.mark.parametrize(
    ("kernel", "dtype", "words"),
    [(7, torch.float32, "kernel 7"), (3, torch.float64, "torch.float64")],
)
def test_what_is_not_compiled_is_refused(kernel, dtype, words):
    x, weight = torch.zeros(1, 16, 8, 8, dtype=dtype), torch.zeros(16, 1, kernel, kernel)
    with pytest.raises(ValueError, match=words):
        compiled.convolve(x, weight, None, 1, (3, 3), (8, 8))


@pytest.mark.parametrize(
    ("compiler", "words"), [("false", "could not compile"), ("no-such-c++ -x", "no C++ compiler")]
)
def test_without_a_compiler_training_goes_on(monkeypatch, caplog, compiler, words):
    compiled._library.cache_clear()
    monkeypatch.setenv("CXX", compiler)
    caplog.set_level("INFO")
    try:
        assert not compiled.available()
        assert words in caplog.text
        x, weight, bias = tensors(5, 16, 7, 7)
        y = layer(weight, bias, 1).train().relu6(x)
        torch.testing.assert_close(y, F.relu6(F.conv2d(x, weight, bias, 1, 2, 1, 16)))
    finally:
        compiled._library.cache_clear()

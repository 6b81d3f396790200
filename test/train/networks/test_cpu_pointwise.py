"""The 1 x 1 convolution that has its ReLU6 in one operation equals torch's two."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from hand_pose_25d_train.networks.cpu.pointwise import FastPointwiseConv2d


def test_bfloat16_values_and_gradients_are_close_to_float32s():
    torch.manual_seed(0)
    convolution = FastPointwiseConv2d(8, 24).train()
    x = torch.randn(2, 8, 6, 6, requires_grad=True)
    exact = F.relu6(convolution(x))
    wanted = torch.autograd.grad(exact.sum(), (x, *convolution.parameters()))
    with torch.autocast("cpu", torch.bfloat16):
        y = convolution.relu6(x)
    fused = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # not without AVX-512
    assert y.dtype == torch.bfloat16
    assert y.grad_fn.name().startswith("_PointwiseReLU6") == fused
    torch.testing.assert_close(y.float(), exact, rtol=0.01, atol=0.02)
    found = torch.autograd.grad(y.float().sum(), (x, *convolution.parameters()))
    errors = [(f - w).norm() / w.norm() for f, w in zip(found, wanted, strict=True)]
    # Some values lie on one side of the bounds or the other.
    assert float(torch.stack(errors).mean()) < 0.05


@pytest.mark.parametrize("training", [True, False])
def test_float32_is_left_to_torch(training):
    convolution = FastPointwiseConv2d(8, 24).train(training)
    x = torch.randn(2, 8, 6, 6)
    assert torch.equal(convolution.relu6(x), F.relu6(F.conv2d(x, *convolution.parameters())))

"""Convolutions padded as TensorFlow's SAME is, against padding by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from hand_pose_25d.networks.backbone import MBCONV_BLOCKS, MBConvEncoder, SameConv2d


def sides(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return what SAME puts before and after: the last window may end past the input's end."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 9), (8, 9), (9, 8), (14, 7)])
@pytest.mark.parametrize("groups", [1, 6])
@pytest.mark.parametrize("training", [True, False])
def test_the_padding_is_tensorflows_same(
    kernel: int, stride: int, height: int, width: int, groups: int, training: bool
) -> None:
    torch.manual_seed(kernel)
    layer = SameConv2d(6, 6, kernel, stride, groups=groups).train(training)
    x = torch.randn(2, 6, height, width)
    padded = F.pad(x, (*sides(width, kernel, stride), *sides(height, kernel, stride)))
    expected = F.conv2d(padded, layer.weight, layer.bias, stride, 0, 1, groups)
    assert expected.shape[-2:] == (-(-height // stride), -(-width // stride))
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(layer.relu6(x), F.relu6(expected), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("length", [8, 9, 10, 15])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_an_exported_convolution_is_padded_alike(tmp_path: Path, kernel: int, length: int) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    layer = SameConv2d(4, 4, kernel, 2, groups=4).eval()
    x, path = torch.rand(1, 4, length, length), str(tmp_path / "layer.onnx")
    with torch.inference_mode():
        torch.onnx.export(layer, (x,), path, input_names=["x"], dynamo=False)
        expected = layer(x).numpy()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_encoder_may_have_fewer_channels() -> None:
    expansions = [16 * (row + 1) for row in range(len(MBCONV_BLOCKS))]
    encoder = MBConvEncoder(expansions=expansions, last_width=48)
    assert encoder.widths == (24, 40, 112, 48)
    assert [block.expand.out_channels for block in encoder.blocks] == expansions
    shapes = [tuple(level.shape) for level in encoder(torch.rand(1, 3, 64, 64))]
    assert shapes == [(1, 24, 16, 16), (1, 40, 8, 8), (1, 112, 4, 4), (1, 48, 2, 2)]


@pytest.mark.parametrize(
    ("expansions", "last_width"),
    [([16] * 13, 48), ([16] * 13 + [0], 48), ([16] * 13 + [1.5], 48), ([16] * 14, 0)],
)
def test_widths_that_are_none_are_refused(expansions: list, last_width: int) -> None:
    with pytest.raises(ValueError, match="expansions must be 14 whole numbers"):
        MBConvEncoder(expansions=expansions, last_width=last_width)

"""Convolutions padded as TensorFlow's SAME is, against padding by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from hand_pose_25d.network.backbone import SameConv2d


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

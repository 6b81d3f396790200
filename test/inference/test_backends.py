"""How a network runs: batches, devices, arithmetic, backends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hand_pose_25d.inference.backends.base import (
    OUTPUTS,
    TorchRuntime,
    load_runtime,
    pick_device,
    pick_precision,
)
from hand_pose_25d.networks.weights import build_network, save_network

CONFIG = {"formulation": "latent", "backbone": "mbconv", "input_size": 64, "width": 16}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    model = build_network(CONFIG).eval()
    with torch.no_grad():  # heads start at zero: give every output something to say
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def crops(n: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_prediction_is_the_networks_own(network):
    images = crops(3)
    prediction = load_runtime(network, "cpu")(images)
    with torch.inference_mode():
        output = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    for name in OUTPUTS:
        expected = getattr(output, name).numpy().astype(np.float64)
        if name in ("presence", "right"):
            expected = 1 / (1 + np.exp(-expected))
        value = getattr(prediction, name)
        assert value.dtype == np.float64 and value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=2e-4, atol=1e-4, err_msg=name)


def test_any_number_of_crops(network):
    runtime = load_runtime(network, "cpu", max_batch=2)
    images = crops(5)
    together = runtime(images)
    assert len(together) == 5 and together.uv_covariance.shape == (5, 21, 2, 2)
    for i in range(5):
        alone = runtime(images[i : i + 1])
        np.testing.assert_allclose(alone.uv[0], together.uv[i], atol=1e-3)
    none = runtime(images[:0])
    assert (len(none), none.uv.shape, none.presence.shape) == (0, (0, 21, 2), (0,))
    np.testing.assert_array_equal(together[[4, 0]].depth, together.depth[[4, 0]])


def test_batches_are_as_large_as_allowed(network):
    sizes = []

    class Counting(TorchRuntime):
        def raw(self, images):
            sizes.append(len(images))
            return super().raw(images)

    Counting(network, "cpu", max_batch=4)(crops(9))
    assert sizes == [4, 4, 1]


def test_same_crops_same_numbers(network):
    runtime = load_runtime(network, "cpu")
    first, second = runtime(crops(2)), runtime(crops(2))
    for name in OUTPUTS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_bfloat16_stays_near_float32(network):
    exact, rounded = (load_runtime(network, "cpu", precision=p)(crops(4)) for p in
                      ("float32", "bfloat16"))  # fmt: skip
    assert np.abs(exact.uv - rounded.uv).max() < 0.5  # px of 64
    assert not np.array_equal(exact.uv, rounded.uv)


@pytest.mark.parametrize(
    "images",
    [crops(1, 32), crops(1).astype(np.float32), crops(1)[0], crops(1)[..., :1]],
    ids=["size", "type", "no batch", "grey"],
)
def test_wrong_crops_are_named(network, images):
    with pytest.raises(ValueError, match=r"uint8 of shape \(N, 64, 64, 3\)"):
        load_runtime(network, "cpu")(images)


def test_weights_from_a_file(network, tmp_path):
    path = tmp_path / "net.safetensors"
    save_network(network, CONFIG, path, torch.float32)
    a, b = load_runtime(path, "cpu")(crops(2)), load_runtime(network, "cpu")(crops(2))
    np.testing.assert_allclose(a.uv, b.uv, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "gpu"}, ValueError, "auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:99"}, ValueError, "CUDA devices"),
        ({"backend": "tensorrt"}, ValueError, "auto, torch, onnxruntime, openvino"),
        ({"precision": "int8"}, ValueError, "auto, float32, bfloat16, float16"),
        ({"precision": "float16"}, ValueError, "needs a GPU"),
        ({"threads": -2}, ValueError, "threads"),
        ({"threads": 1.5}, ValueError, "threads"),
        ({"max_batch": 0}, ValueError, "max_batch"),
        ({"network": "absent"}, FileNotFoundError, "absent"),
        ({"network": object()}, ValueError, "input_size"),
    ],
)
def test_wrong_options_are_named(network, options, error, message):
    options = {"network": network, "device": "cpu", **options}
    with pytest.raises(error, match=message):
        load_runtime(**options)


def test_what_auto_means():
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_precision("auto", "cpu") == "float32"
    assert pick_precision("auto", "cuda") == "float16"
    assert pick_precision("bfloat16", "cpu") == "bfloat16"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_cuda_agrees_with_the_cpu(network, precision):
    on_cpu = load_runtime(network, "cpu")(crops(4))
    on_gpu = load_runtime(network, "cuda", precision=precision)(crops(4))
    network.to("cpu")
    assert np.abs(on_cpu.uv - on_gpu.uv).max() < 0.5

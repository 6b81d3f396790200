"""Exported graphs say what torch says, for any number of hands."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hand_pose_25d.inference.backends.base import OUTPUTS, load_runtime
from hand_pose_25d.inference.export import (
    FORMATS,
    check_export,
    export_network,
    torchscript_runner,
)
from hand_pose_25d.networks.weights import build_network

CONFIGS = {
    "mbconv": {"formulation": "latent", "backbone": "mbconv", "input_size": 64, "width": 16},
    "two stages": {
        "formulation": "latent", "backbone": "mbconv", "input_size": 64, "width": 8, "stages": 2
    },
}  # fmt: skip


def make_network(name: str = "mbconv"):
    torch.manual_seed(5)
    network = build_network(CONFIGS[name]).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


@pytest.fixture(scope="module")
def network():
    return make_network()


def crops(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", CONFIGS)
def test_onnx_file_runs_in_onnxruntime(name, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    pytest.importorskip("onnx", reason="needs the extra [onnx]")
    network, path = make_network(name), tmp_path / "net.onnx"
    assert export_network(network, path, "onnx") == 64
    runtime = load_runtime(path, "cpu")
    assert runtime.name == "onnxruntime CPUExecution" and runtime.input_size == 64
    assert max(check_export(network, runtime.raw, 64).values()) < 1e-3
    expected = load_runtime(network, "cpu")(crops(7))
    np.testing.assert_allclose(runtime(crops(7)).uv, expected.uv, atol=5e-3)


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_openvino_runs_both_kinds_of_file(network, suffix, tmp_path):
    pytest.importorskip("openvino", reason="needs the extra [openvino]")
    pytest.importorskip("onnx", reason="needs the extra [onnx]")
    path = tmp_path / f"net{suffix}"
    export_network(network, path, "onnx" if suffix == ".onnx" else "openvino")
    runtime = load_runtime(path, "cpu", backend="openvino")
    assert runtime.name == "openvino CPU float32" and runtime.input_size == 64
    assert max(check_export(network, runtime.raw, 64).values()) < 5e-3


def test_torchscript(network, tmp_path):
    path = tmp_path / "net.pt"
    export_network(network, path, "torchscript")
    assert max(check_export(network, torchscript_runner(path), 64).values()) < 1e-4


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_weights_run_without_an_export_by_hand(network, backend):
    pytest.importorskip(backend, reason=f"needs the package {backend}")
    pytest.importorskip("onnx", reason="needs the extra [onnx]")
    a, b = (load_runtime(network, "cpu", backend=name)(crops(3)) for name in ("torch", backend))
    for name in OUTPUTS:
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=0.02, atol=0.01)


def test_a_wrong_export_is_noticed(network):
    def wrong(images):
        with torch.inference_mode():
            output = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
        values = [getattr(output, name).numpy() for name in OUTPUTS]
        values[0] = values[0] + 3.0
        return values

    differences = check_export(network, wrong, 64)
    assert differences["uv"] > 0.01
    assert differences["depth"] < 1e-6


def test_wrong_calls_are_named(network, tmp_path):
    with pytest.raises(ValueError, match=", ".join(FORMATS)):
        export_network(network, tmp_path / "x", "tflite")
    with pytest.raises(ValueError, match="torch cannot run"):
        load_runtime(tmp_path / "x.onnx", backend="torch")
    with pytest.raises(FileNotFoundError, match="no such network file"):
        load_runtime(tmp_path / "x.onnx")
    with pytest.raises(ValueError, match="float32"):
        load_runtime(network, backend="onnxruntime", precision="bfloat16")
    with pytest.raises(ValueError, match="openvino runs on the CPU"):
        load_runtime(network, "cuda", backend="openvino")


def test_a_foreign_graph_is_named(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    pytest.importorskip("onnx", reason="needs the extra [onnx]")
    path = tmp_path / "foreign.onnx"
    torch.onnx.export(torch.nn.Linear(4, 2), (torch.zeros(1, 4),), str(path), dynamo=False)
    with pytest.raises(ValueError, match="hand-pose-25d export"):
        load_runtime(path, "cpu")

"""Exported graphs say what torch says, carry their configuration, and are loaded again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import make_network, noise, save_small

from hand_pose_25d import Camera, HandPoseEstimator
from hand_pose_25d.inference.backends.base import KINDS, METADATA
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.export import FORMATS, check_export, export_network
from hand_pose_25d.inference.load import load_backend
from hand_pose_25d.networks.files import digest
from hand_pose_25d.networks.weights import build_network

pytest.importorskip("onnx", reason="needs the extra [onnx]")
READERS = [
    ("onnx", "onnxruntime"),
    ("onnx", "openvino"),
    ("openvino", "openvino"),
    ("torchscript", "torch"),
]


def export(kind: str, file_format: str, folder: Path) -> tuple[Path, Path]:
    """Return a small network's weights and the graph that they were written as."""
    weights = save_small(kind, folder)
    path = weights.with_suffix(FORMATS[file_format])
    assert export_network(weights, path, file_format) == kind
    return weights, path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("file_format", "backend"), READERS)
def test_graphs_agree_with_torch_and_know_themselves(kind, file_format, backend, tmp_path):
    pytest.importorskip(backend, reason=f"needs the package {backend}")
    weights, path = export(kind, file_format, tmp_path)
    loaded = load_backend(path, kind, "cpu", backend)
    tolerance = 1e-4 if backend == "torch" else 2e-3
    assert max(check_export(weights, loaded).values()) < tolerance
    assert loaded.weights_sha256 == digest(weights)
    assert loaded.config["formulation"] == ("latent" if kind == "pose network" else "detector")


@pytest.mark.parametrize(("file_format", "backend"), READERS)
def test_an_exported_pair_runs_in_the_estimator(file_format, backend, tmp_path):
    pytest.importorskip(backend, reason=f"needs the package {backend}")
    _, pose = export("pose network", file_format, tmp_path)
    _, detector = export("detector", file_format, tmp_path)
    camera = Camera(600.0, 600.0, 79.5, 59.5, 160, 120)
    estimator = HandPoseEstimator("cpu", pose, detector, backend=backend)
    assert estimator.runtime_name.startswith(backend)
    (hand,) = estimator.estimate(noise(1, 120, 160)[0], camera, boxes=[(20, 20, 80, 80)])
    assert np.isfinite(hand.keypoints_2d).all()
    assert Detector("cpu", detector, backend=backend).sizes == (64,)


def test_another_backbone(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    torch.manual_seed(5)
    config = {
        "formulation": "latent", "backbone": "mbconv", "input_size": 64, "width": 16, "stride": 4,
        "stages": 2,
    }  # fmt: skip
    network = build_network(config).eval()
    path = tmp_path / "net.onnx"
    export_network(network, path, "onnx")
    loaded = load_backend(path, "pose network", "cpu")
    assert max(check_export(network, loaded).values()) < 1e-3
    assert loaded.weights_sha256 is None, "a module comes from no file"


def test_weights_are_stored_in_half_precision(tmp_path):
    import onnx

    weights, path = export("pose network", "onnx", tmp_path)
    assert path.stat().st_size < 1.3 * weights.stat().st_size
    stored = onnx.load(path).graph.initializer
    halves = [i for i in stored if i.data_type == onnx.TensorProto.FLOAT16]
    assert len(halves) > 50


@pytest.mark.parametrize(("side", "pads"), [(64, 0), (72, 5)])
def test_convolutions_pad_by_themselves_where_all_sides_are_even(tmp_path, side, pads):
    """A pad before a convolution is in a memory layout that takes a fifth of the time."""
    import onnx

    torch.manual_seed(5)
    config = {"formulation": "latent", "backbone": "mbconv", "input_size": side, "width": 16}
    network = build_network(config).eval()
    export_network(network, tmp_path / "net.onnx", "onnx")
    nodes = [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]
    assert nodes.count("Pad") == pads
    loaded = load_backend(tmp_path / "net.onnx", "pose network", "cpu", "onnxruntime")
    assert max(check_export(network, loaded).values()) < 1e-3


def test_a_wrong_export_is_noticed():
    network = make_network()
    loaded = load_backend(network, "pose network", "cpu", "torch")
    run = loaded.run

    def wrong(images):
        first, *others = run(images)
        return [first + 3.0, *others]

    loaded.run = wrong  # type: ignore[method-assign]
    differences = check_export(network, loaded)
    assert differences["uv"] > 0.01
    assert differences["depth"] < 1e-6


@pytest.mark.parametrize(
    ("file_format", "name", "message"),
    [("tflite", "x.tflite", ", ".join(FORMATS)), ("onnx", "x.bin", "must end in .onnx")],
)
def test_wrong_calls_are_named(tmp_path, file_format, name, message):
    with pytest.raises(ValueError, match=message):
        export_network(make_network(), tmp_path / name, file_format)


def test_a_foreign_graph_is_named(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    path = tmp_path / "foreign.onnx"
    torch.onnx.export(torch.nn.Linear(4, 2), (torch.zeros(1, 4),), str(path), dynamo=False)
    with pytest.raises(ValueError, match="hand-pose-25d export"):
        load_backend(path, "pose network", "cpu")


@pytest.mark.parametrize("metadata", ["{", "[]", '{"config": 3}'])
def test_broken_metadata_is_named(tmp_path, metadata):
    import onnx

    _, path = export("pose network", "onnx", tmp_path)
    model = onnx.load(path)
    assert "config" in json.loads(model.metadata_props[0].value)
    onnx.helper.set_model_props(model, {METADATA: metadata})
    onnx.save(model, path)
    with pytest.raises(ValueError, match=METADATA):
        load_backend(path, "pose network", "cpu", "onnxruntime")

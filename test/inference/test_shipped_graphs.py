"""The shipped ONNX graphs are the shipped weights, and run without torch."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
from small_networks import noise

from hand_pose_25d.inference import load
from hand_pose_25d.inference.backends.base import KINDS
from hand_pose_25d.inference.backends.devices import cpu_has_int8
from hand_pose_25d.inference.detector import LARGEST_STRIDE, Detector
from hand_pose_25d.inference.export import check_export, kind_of
from hand_pose_25d.inference.load import load_backend
from hand_pose_25d.networks import detector_net
from hand_pose_25d.networks.files import digest, shipped_weights, weights_path

SHIPPED = {"accurate": "pose network", "realtime": "pose network", "detector": "detector"}

WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "onnx", "openvino", "safetensors"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import numpy as np
from hand_pose_25d import Camera, HandPoseEstimator
from hand_pose_25d.inference.detector import Detector

camera = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)
estimator = HandPoseEstimator(device="cpu")
image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
(hand,) = estimator.estimate(image, camera, boxes=[(200, 150, 200, 200)])
assert np.isfinite(hand.keypoints_2d).all()
estimator.track(image, camera, 0.0)
print(estimator.runtime_name, "torch" in sys.modules)
"""


def test_every_network_is_shipped_twice():
    assert set(shipped_weights()) == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_graphs_are_the_weights(name, backend):
    pytest.importorskip(backend, reason=f"needs the package {backend}")
    graph, weights = weights_path(name, ".onnx"), weights_path(name)
    loaded = load_backend(graph, SHIPPED[name], "cpu", backend)
    assert loaded.weights_sha256 == digest(weights)
    assert kind_of(name) == SHIPPED[name]
    assert max(check_export(name, loaded).values()) < 2e-3
    assert graph.stat().st_size < 1.2 * weights.stat().st_size


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_other_weights_beside_a_graph_are_noticed(tmp_path, monkeypatch, backend):
    pytest.importorskip(backend, reason=f"needs the package {backend}")
    shutil.copy(weights_path("detector", ".onnx"), tmp_path / "detector.onnx")
    shutil.copy(weights_path("realtime"), tmp_path / "detector.safetensors")
    monkeypatch.setattr(load, "WEIGHTS_FOLDER", tmp_path)
    monkeypatch.setattr("hand_pose_25d.networks.files.WEIGHTS_FOLDER", tmp_path)
    with pytest.raises(ValueError, match="made of other weights than detector.safetensors"):
        load_backend("detector", "detector", "cpu", backend)
    (tmp_path / "detector.safetensors").unlink()
    shutil.copy(weights_path("detector", ".onnx"), tmp_path / "other.onnx")
    assert load_backend(tmp_path / "other.onnx", "detector", "cpu", backend).outputs


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_flipped_bytes_of_a_graph_are_noticed(tmp_path, backend):
    pytest.importorskip(backend, reason=f"needs the package {backend}")
    data = bytearray(weights_path("detector", ".onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "flipped.onnx").write_bytes(data)
    with pytest.raises(ValueError, match="flipped.onnx is damaged"):
        load_backend(tmp_path / "flipped.onnx", "detector", "cpu", backend)


def test_the_estimator_runs_where_torch_is_not_installed():
    pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    precision = "int8" if cpu_has_int8() else "float32"
    assert done.stdout.strip() == f"onnxruntime cpu {precision}, 1 thread False"


@pytest.mark.parametrize("module", ["hand_pose_25d", "hand_pose_25d.estimator"])
def test_importing_the_package_loads_no_torch(module):
    code = f"import sys, {module}; print(sorted({{'torch', 'onnxruntime'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_backends_find_the_same_hands():
    """Of an image that no backend sees a hand in, and by the cells of the map, the same scores."""
    backends = ["torch"]
    for package in ("onnxruntime", "openvino"):
        try:
            load_backend("detector", "detector", "cpu", package)
        except ModuleNotFoundError:
            continue
        backends.append(package)
    image = noise(1, 480, 640)[0]
    options = {"threshold": 0.001, "precision": "float32"}
    found = [Detector("cpu", backend=b, **options).detect(image) for b in backends]
    for detections in found[1:]:
        assert len(detections) == len(found[0])
        for a, b in zip(detections, found[0], strict=True):
            np.testing.assert_allclose(a.box, b.box, atol=0.1)
            assert a.score == pytest.approx(b.score, abs=1e-3)


def test_detector_and_its_network_agree_on_the_stride():
    assert LARGEST_STRIDE == detector_net.LARGEST_STRIDE
    assert set(KINDS["detector"]) <= set(detector_net.Cells._fields)

"""int8: quantised graphs say nearly the same, and run where the CPU is made for them."""

from __future__ import annotations

import shutil
from itertools import islice

import numpy as np
import pytest
from small_networks import noise, save_small

from hand_pose_25d import cli
from hand_pose_25d.inference import load
from hand_pose_25d.inference.load import INT8_SUFFIX, load_backend
from hand_pose_25d.inference.quantize import OUTPUT_LAYERS, int8_graph, network_inputs
from hand_pose_25d.io.clips import CLIP
from hand_pose_25d.io.sources import open_source
from hand_pose_25d.networks.files import WEIGHTS_FOLDER, digest, weights_path

pytest.importorskip("onnx", reason="needs the extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
SHIPPED = {"accurate": "pose network", "realtime": "pose network"}


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Some of the bundled clip's."""
    return [frame.image for frame in islice(open_source(CLIP).frames, 0, None, 25)]


def test_a_graph_in_int8_says_nearly_the_same(tmp_path):
    import onnx

    kind = "pose network"
    weights = save_small(kind, tmp_path)
    path = tmp_path / "small.onnx"
    inputs = [noise(1), noise(2), noise(3)]
    path.write_bytes(int8_graph(weights, inputs))
    nodes = list(onnx.load(path).graph.node)
    operators = [node.op_type for node in nodes]
    assert operators.count("DequantizeLinear") > 20
    maps = max(i for i, node in enumerate(nodes) if OUTPUT_LAYERS in node.name)
    assert "QuantizeLinear" not in operators[maps:]  # positions keep their digits
    assert len(operators[maps:]) > 20
    small, plain = load_backend(path, kind, "cpu"), load_backend(weights, kind, "cpu")
    assert (small.name, small.precision) == ("onnxruntime cpu int8, 1 thread", "int8")
    assert small.weights_sha256 == digest(weights) and small.config == plain.config
    for given in inputs:
        away = np.abs(small(given)["uv"] - plain(given)["uv"])
        assert 0 < np.median(away) < 1.0  # of 64 pixels


def test_wrong_calls_are_named(tmp_path):
    weights = save_small("pose network", tmp_path)
    with pytest.raises(ValueError, match="no inputs to calibrate with"):
        int8_graph(weights, [])
    with pytest.raises(ValueError, match="int8 is for pose networks: the detector"):
        int8_graph(save_small("detector", tmp_path), [noise(1)])
    path = tmp_path / "small.onnx"
    path.write_bytes(int8_graph(weights, [noise(1)]))
    with pytest.raises(ValueError, match="a graph in int8: precision must be auto or int8"):
        load_backend(path, "pose network", "cpu", precision="float32")
    with pytest.raises(ValueError, match="has no graph in int8.*export --precision int8"):
        load_backend(weights, "pose network", "cpu", precision="int8")
    plain = weights_path("realtime", ".onnx")
    with pytest.raises(ValueError, match="a graph in float32: precision must be auto or float32"):
        load_backend(plain, "pose network", "cpu", precision="int8")


def test_inputs_are_what_the_network_sees(images):
    crops = network_inputs("realtime", images, count=5)
    assert [crop.shape for crop in crops] == [(1, 192, 192, 3)] * 5
    assert not np.array_equal(crops[0], crops[1])


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_graphs_are_of_the_shipped_weights(name, images):
    small = load_backend(name, SHIPPED[name], "cpu", precision="int8")
    plain = load_backend(name, SHIPPED[name], "cpu", "onnxruntime", precision="float32")
    assert small.weights_sha256 == digest(weights_path(name))
    inputs = network_inputs(name, images, count=12)
    answers = [(small(given), plain(given)) for given in inputs]
    uv = np.concatenate([np.linalg.norm(a["uv"] - b["uv"], axis=-1) for a, b in answers])
    assert np.median(uv) < 0.9  # pixels of the crop
    presence = np.array([(a["presence"][0], b["presence"][0]) for a, b in answers])
    assert len(presence) > 8
    assert ((presence > 0).all(1) | (presence < 0).all(1)).mean() > 0.9


@pytest.mark.parametrize(
    ("has_int8", "precision", "expected"),
    [
        (True, "auto", "int8"),
        (False, "auto", "float32"),
        (True, "float32", "float32"),
        (False, "int8", "int8"),
    ],
)
def test_auto_is_int8_where_the_cpu_is_made_for_it(monkeypatch, has_int8, precision, expected):
    monkeypatch.setattr(load, "cpu_has_int8", lambda: has_int8)
    loaded = load_backend("realtime", "pose network", "cpu", "onnxruntime", precision)
    assert loaded.precision == expected


def test_other_weights_beside_a_graph_in_int8_are_noticed(tmp_path, monkeypatch):
    shutil.copy(WEIGHTS_FOLDER / f"realtime{INT8_SUFFIX}", tmp_path / f"net{INT8_SUFFIX}")
    shutil.copy(weights_path("accurate"), tmp_path / "net.safetensors")
    monkeypatch.setattr(load, "WEIGHTS_FOLDER", tmp_path)
    monkeypatch.setattr("hand_pose_25d.networks.files.WEIGHTS_FOLDER", tmp_path)
    with pytest.raises(ValueError, match="made of other weights than net.safetensors"):
        load_backend("net", "pose network", "cpu", precision="int8")


def test_the_command_calibrates_with_images(tmp_path, images, capsys):
    from hand_pose_25d.io.images import write_image

    folder = tmp_path / "photos"
    folder.mkdir()
    for i, image in enumerate(images[:3]):
        write_image(folder / f"{i}.png", image)
    weights, out = save_small("pose network", tmp_path), tmp_path / "net.int8.onnx"
    words = ["export", str(weights), "--precision", "int8", "-o", str(out)]
    assert cli.main(words) == 2
    assert "--images goes with --precision int8" in capsys.readouterr().err
    assert cli.main([*words, "--images", str(folder), str(CLIP)]) == 0
    printed = capsys.readouterr().out
    assert "uv              differs from float32 by" in printed and f"{out}: " in printed
    assert load_backend(out, "pose network", "cpu").precision == "int8"
    openvino = [*words, "--format", "openvino", "--images", str(folder)]
    assert cli.main(openvino) == 2
    assert "--precision int8 is for --format onnx" in capsys.readouterr().err


def test_a_detector_runs_in_float32():
    assert load_backend("detector", "detector", "cpu", precision="int8").precision == "float32"

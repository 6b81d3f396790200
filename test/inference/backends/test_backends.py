"""Every backend runs both networks, with the same options and the same answers."""

from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import make_network, noise, save_small

from hand_pose_25d.inference import load
from hand_pose_25d.inference.backends import devices
from hand_pose_25d.inference.backends.base import KINDS, Backend
from hand_pose_25d.inference.backends.devices import cpu_has_bfloat16, pick_device, pick_precision
from hand_pose_25d.inference.backends.torch import ImageGraph
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.export import export_network
from hand_pose_25d.inference.load import load_backend

BACKENDS = ("torch", "onnxruntime", "openvino")
FOLDERS: list[tempfile.TemporaryDirectory] = []  # they go with the process
SIDES = {"pose network": (64, 64), "detector": (64, 96)}


def needs(backend: str) -> None:
    for package in (backend, *(("onnx",) if backend != "torch" else ())):
        pytest.importorskip(package, reason=f"needs the package {package}")


@functools.cache
def graph(backend: str, kind: str):
    """Return a small network in the form in which a backend loads it fastest."""
    needs(backend)
    if backend == "torch":
        return make_network(kind)
    folder = tempfile.TemporaryDirectory()
    FOLDERS.append(folder)
    path = Path(folder.name) / "net.onnx"
    export_network(make_network(kind), path, "onnx")
    return path


def busy_threads(work) -> list[int]:
    """Return the clock ticks of the CPU that each thread of this process spent on some work."""

    def ticks() -> dict[str, int]:
        found = {}
        for thread in os.listdir("/proc/self/task"):
            try:
                stat = Path(f"/proc/self/task/{thread}/stat").read_text()
            except OSError:  # it has ended meanwhile
                continue
            fields = stat.rsplit(")", 1)[1].split()
            found[thread] = int(fields[11]) + int(fields[12])
        return found

    before = ticks()
    work()
    spent = [value - before.get(thread, 0) for thread, value in ticks().items()]
    return sorted((t for t in spent if t > 0), reverse=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_answers_are_the_networks_own(backend, kind):
    needs(backend)
    network = make_network(kind)
    loaded = load_backend(network, kind, "cpu", backend)
    for n in (1, 3):
        images = noise(n, *SIDES[kind])
        with torch.inference_mode():
            expected = ImageGraph(network, KINDS[kind])(torch.from_numpy(images))
        found = loaded(images)
        assert tuple(found) == loaded.outputs
        for name, tensor in zip(KINDS[kind], expected, strict=True):
            wanted = tensor.numpy()
            assert found[name].shape == wanted.shape and found[name].dtype == np.float32
            scale = max(1.0, np.abs(wanted).max())
            np.testing.assert_allclose(found[name], wanted, atol=2e-3 * scale, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("threads", "meant"), [(0, 1), (1, 1), (2, 2)])
def test_name_and_threads(backend, kind, threads, meant):
    loaded = load_backend(graph(backend, kind), kind, "cpu", backend, threads=threads)
    assert (loaded.device, loaded.precision, loaded.threads) == ("cpu", "float32", meant)
    assert loaded.name == f"{backend} cpu float32, {meant} thread{'s' * (meant > 1)}"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("backend", BACKENDS)
def test_one_thread_is_one_thread_of_both_networks(backend):
    """By the CPU time that each thread of the process spends."""
    needs(backend)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        pose = load_backend("realtime", "pose network", "cpu", backend, threads=1)
        detector = Detector("cpu", backend=backend, threads=1, sizes=[384])
        crops, image = noise(2, 192, 192), noise(1, 480, 640)[0]

        def work() -> None:
            for _ in range(4):
                pose(crops)
                detector.detect(image)

        work()
        first, *others = busy_threads(work)
        assert sum(others) <= 0.1 * first + 2
        assert torch.get_num_threads() == 2, "the process's own number stays"
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_same_images_same_numbers(backend):
    loaded = load_backend(graph(backend, "pose network"), "pose network", "cpu", backend)
    first, second = loaded(noise(2)), loaded(noise(2))
    for name in loaded.outputs:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_bfloat16_stays_near_float32(backend):
    network = graph(backend, "pose network")
    if backend == "openvino" and not cpu_has_bfloat16():
        pytest.skip("OpenVINO takes float32 on a CPU without bfloat16")
    exact, rounded = (
        load_backend(network, "pose network", "cpu", backend, precision)(noise(4))
        for precision in ("float32", "bfloat16")
    )
    assert np.abs(exact["uv"] - rounded["uv"]).max() < 0.5  # px of 64
    assert not np.array_equal(exact["uv"], rounded["uv"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "images",
    [noise(1).astype(np.float32), noise(1)[0], noise(1)[..., :1]],
    ids=["type", "no batch", "grey"],
)
def test_wrong_images_are_named(backend, images):
    loaded = load_backend(graph(backend, "pose network"), "pose network", "cpu", backend)
    with pytest.raises(ValueError, match=r"uint8 of shape \(N, H, W, 3\)"):
        loaded(images)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("given", "wanted"), [("detector", "pose network"), ("pose network", "detector")]
)
def test_another_kind_of_network_is_named(backend, given, wanted, tmp_path):
    needs(backend)
    path = save_small(given, tmp_path)
    with pytest.raises(ValueError, match=f"a {given}, not a {wanted}"):
        load_backend(path, wanted, "cpu", backend)
    shipped = "realtime" if given == "pose network" else "detector"
    with pytest.raises(ValueError, match=f"a {given}, not a {wanted}"):
        load_backend(shipped, wanted, "cpu", backend)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "gpu"}, ValueError, "auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:99", "backend": "torch"}, ValueError, "CUDA devices"),
        ({"device": "cuda", "backend": "openvino"}, ValueError, "openvino runs on the CPU"),
        ({"backend": "tensorrt"}, ValueError, "auto, torch, onnxruntime, openvino"),
        ({"precision": "int4"}, ValueError, "auto, float32, bfloat16, float16, int8"),
        ({"precision": "int8"}, ValueError, "int8 is for backend onnxruntime on a CPU"),
        ({"precision": "int8", "backend": "openvino"}, ValueError, "float32 or bfloat16"),
        ({"precision": "int8", "network": "a.pt"}, FileNotFoundError, "no such network file"),
        ({"precision": "float16"}, ValueError, "needs a GPU"),
        ({"precision": "bfloat16", "backend": "onnxruntime"}, ValueError, "float32 or int8, not"),
        ({"precision": "float16", "backend": "openvino"}, ValueError, "float32 or bfloat16"),
        ({"threads": -2}, ValueError, "threads"),
        ({"threads": 1.5}, ValueError, "threads"),
        ({"network": "absent"}, FileNotFoundError, "absent"),
        ({"network": object()}, ValueError, "input_size"),
        ({"network": "absent.onnx"}, FileNotFoundError, "no such network file: absent.onnx"),
    ],
)
def test_wrong_options_are_named(options, error, message):
    needs(str(options.get("backend", "torch")).replace("tensorrt", "torch"))
    options = {"network": make_network(), "kind": "pose network", "device": "cpu", **options}
    with pytest.raises(error, match=message):
        load_backend(**options)


@pytest.mark.parametrize(
    ("suffix", "backend", "allowed"),
    [
        (".onnx", "torch", "onnxruntime or openvino"),
        (".xml", "torch", "openvino"),
        (".xml", "onnxruntime", "openvino"),
        (".pt", "onnxruntime", "torch"),
        (".pt", "openvino", "torch"),
    ],
)
def test_a_backend_that_does_not_read_a_file_is_named(tmp_path, suffix, backend, allowed):
    path = tmp_path / f"net{suffix}"
    path.touch()
    with pytest.raises(ValueError, match=f"{backend} cannot run .*: choose {allowed} for"):
        load_backend(path, "pose network", "cpu", backend)


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt"])
def test_files_that_are_none_are_named(tmp_path, suffix):
    needs(load.RUNS[suffix][0])
    path = tmp_path / f"net{suffix}"
    path.write_text("no graph")
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_backend(path, "pose network", "cpu")


ALL = set(BACKENDS) | {"onnx"}


@pytest.mark.parametrize(
    ("network", "precision", "there", "expected"),
    [
        ("realtime", "auto", ALL, "onnxruntime"),
        ("detector", "float32", ALL, "onnxruntime"),
        ("realtime", "auto", {"torch"}, "torch"),
        ("realtime", "auto", {"openvino", "torch"}, "openvino"),
        ("realtime", "bfloat16", ALL, "openvino"),
        ("realtime", "bfloat16", {"onnxruntime", "torch"}, "torch"),
        ("own.safetensors", "auto", ALL, "onnxruntime"),
        ("own.safetensors", "auto", {"onnxruntime", "torch"}, "torch"),
        ("own.onnx", "auto", ALL, "onnxruntime"),
        ("own.onnx", "auto", {"openvino"}, "openvino"),
        ("own.xml", "auto", ALL, "openvino"),
        ("own.pt", "auto", ALL, "torch"),
        ("realtime", "int8", ALL, "onnxruntime"),
        ("own.onnx", "int8", ALL, "onnxruntime"),
        (object(), "auto", ALL, "torch"),
        ("realtime", "auto", set(), "onnxruntime"),
    ],
)
def test_what_auto_means_on_a_cpu(monkeypatch, network, precision, there, expected):
    monkeypatch.setattr(load, "installed", there.__contains__)
    suffix = Path(network).suffix if isinstance(network, str) else ""
    assert load._package(network, suffix, "cpu", "auto", precision) == expected


def test_auto_is_torch_on_a_gpu(monkeypatch):
    monkeypatch.setattr(load, "pick_device", lambda device: "cuda")
    assert load._package("realtime", "", "auto", "auto", "auto") == "torch"


@pytest.mark.parametrize(
    ("backend", "there", "message"),
    [
        ("openvino", {"torch", "onnx"}, "openvino is not installed; try: pip install openvino"),
        (
            "onnxruntime",
            {"onnxruntime", "torch"},
            "to make one of .* takes onnx: pip install onnx",
        ),
        ("auto", set(), "onnxruntime is not installed; try: pip install onnxruntime"),
    ],
)
def test_missing_packages_are_named(monkeypatch, tmp_path, backend, there, message):
    network = save_small("pose network", tmp_path) if there else "realtime"
    monkeypatch.setattr(load, "installed", there.__contains__)
    with pytest.raises(ModuleNotFoundError, match=message):
        load_backend(network, "pose network", "cpu", backend)


def test_no_gpu_is_looked_for_with_torch_where_there_is_no_driver(monkeypatch):
    monkeypatch.setattr(devices, "NVIDIA", ("/nowhere/nvidiactl",))
    monkeypatch.setitem(sys.modules, "torch", None)  # an import would raise
    assert pick_device("auto") == "cpu"


def test_a_gpu_without_torch_is_not_used(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "NVIDIA", (str(tmp_path),))
    monkeypatch.setattr(devices, "installed", lambda package: False)
    assert pick_device("auto") == "cpu"
    with pytest.raises(ValueError, match="needs the package torch"):
        pick_device("cuda")


def test_what_precisions_mean():
    assert pick_precision("auto", "cpu") == "float32"
    assert pick_precision("auto", "cuda") == "float16"
    assert pick_precision("bfloat16", "cpu") == "bfloat16"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_cuda_agrees_with_the_cpu(kind, precision):
    images = noise(4, *SIDES[kind])
    on_cpu: Backend = load_backend(make_network(kind), kind, "cpu", "torch")
    on_gpu = load_backend(make_network(kind), kind, "cuda", precision=precision)
    place = "uv" if kind == "pose network" else "center"
    assert np.abs(on_cpu(images)[place] - on_gpu(images)[place]).max() < 0.5

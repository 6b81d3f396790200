"""Loading: from a network's name, file or module to the backend that runs it best here."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any

from hand_pose_25d.inference.backends.base import (
    BACKENDS,
    PRECISIONS,
    Backend,
    check_outputs,
    one_of,
    whole,
)
from hand_pose_25d.inference.backends.devices import (
    check_device,
    cpu_has_int8,
    installed,
    pick_device,
)
from hand_pose_25d.networks.files import WEIGHTS_FOLDER, check_seal, digest, weights_path

logger = logging.getLogger(__name__)

RUNS = {".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",), ".pt": ("torch",)}
"""Exported graphs, and what runs them; the first one installed is "auto"."""
ON_A_CPU = ("onnxruntime", "openvino", "torch")
"""Backends of shipped networks on a CPU, the best one first (docs/speed.md)."""
INT8_SUFFIX = ".int8.onnx"
"""Of shipped graphs in int8."""
ADVICE = {
    "onnxruntime": "pip install onnxruntime",
    "openvino": "pip install openvino",
    "torch": "pip install torch",
}


def load_backend(
    network: str | Path | object,
    kind: str,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    threads: int = 0,
) -> Backend:
    """Make a network ready to run.

    Args:
        network: name of a shipped network; path of a .safetensors file or of an exported graph
            (.onnx, .xml, .pt); or a torch module.
        kind: "pose network" or "detector": what it has to be.
        device: "auto" (CUDA where there is an NVIDIA device that torch sees, else the CPU), "cpu",
            "cuda", "cuda:N".
        backend: one of BACKENDS; "auto" is torch on a GPU and for torch modules, else the best of
            ON_A_CPU that is installed and knows the precision.
        precision: one of PRECISIONS; "auto" is float16 in torch on CUDA; int8 in ONNX Runtime on
            a CPU with AVX2, for a shipped network that has such a graph; float32 otherwise.
            A detector for which int8 is asked runs in float32.
        threads: of the CPU; 0 is 1, which is best beside other programs and hardly slower alone.

    Raises:
        ValueError: an unknown backend, device or precision, or a combination that does not go.
        FileNotFoundError: no such weights.
        ModuleNotFoundError: the backend's package is not installed.
    """
    one_of("backend", backend, BACKENDS)
    one_of("precision", precision, PRECISIONS)
    whole("threads", threads, 0)
    check_device(device)
    if kind == "detector" and precision == "int8":
        precision = "float32"  # it would take longer: see inference/quantize.py
    title = str(network) if isinstance(network, (str, Path)) else type(network).__name__
    suffix = Path(title).suffix if isinstance(network, (str, Path)) else ""
    if suffix in RUNS and not Path(title).is_file():
        raise FileNotFoundError(f"no such network file: {title}")
    package = _package(network, suffix, device, backend, precision)
    if not installed(package):
        raise ModuleNotFoundError(
            f"backend {package} is not installed; try: {ADVICE[package]}", name=package
        )
    if package == "torch":
        loaded = _in_torch(network, kind, suffix, device, precision, threads)
    else:
        small = _int8_graph(network, suffix, package, device, precision)
        graph = small or _graph(network, kind, suffix, package)
        if isinstance(graph, Path):
            check_seal(graph, required=graph.parent == WEIGHTS_FOLDER)
        module = importlib.import_module(f"hand_pose_25d.inference.backends.{package}")
        make = module.OnnxRuntimeBackend if package == "onnxruntime" else module.OpenVinoBackend
        loaded = make(graph, kind, device, precision, threads)
        _check_digest(graph, loaded)
    logger.info("%s %s on %s", kind, title, loaded.name)
    return loaded


def _package(network: object, suffix: str, device: str, backend: str, precision: str) -> str:
    """Return the backend that "auto" means here, or the one asked for if it runs such a file."""
    can = RUNS.get(suffix, ON_A_CPU)
    if backend != "auto":
        if backend not in can:
            raise ValueError(
                f"{backend} cannot run {network}: choose {' or '.join(can)} for {suffix} files"
            )
        return backend
    if suffix not in RUNS:
        is_module = not isinstance(network, (str, Path))
        if is_module or (device != "cpu" and pick_device(device) != "cpu"):
            return "torch"
        if suffix and not installed("onnx"):  # needed to make a graph of weights
            return "torch"
    if precision == "int8":
        if "onnxruntime" not in can:
            raise ValueError(f"precision int8 is for onnxruntime, which runs no {suffix} files")
        return "onnxruntime"
    if precision not in ("auto", "float32"):
        can = tuple(package for package in can if package != "onnxruntime")
    return next((package for package in can if installed(package)), can[0])


def _in_torch(
    network: Any, kind: str, suffix: str, device: str, precision: str, threads: int
) -> Backend:
    from hand_pose_25d.inference.backends.torch import TorchBackend, load_torchscript
    from hand_pose_25d.inference.export import image_graph

    if suffix == ".pt":
        graph, metadata = load_torchscript(Path(network))
        check_outputs(metadata["outputs"], kind, str(network))
    else:
        graph, metadata = image_graph(network, kind)
    return TorchBackend(graph, metadata["outputs"], metadata, device, precision, threads)


def _graph(network: str | Path | object, kind: str, suffix: str, package: str) -> Path | bytes:
    """Return a graph's file, or its contents where it has to be made of weights or a module."""
    if suffix in RUNS:
        return Path(str(network))
    if (shipped := _shipped_name(network)) is not None:
        return weights_path(shipped, ".onnx")
    missing = [name for name in ("torch", "onnx") if not installed(name)]
    if missing:
        raise ModuleNotFoundError(
            f"{package} runs graphs, and to make one of {network} takes {' and '.join(missing)}: "
            f"pip install {' '.join(missing)}, or give it a file by `hand-pose-25d export`",
            name=missing[0],
        )
    from hand_pose_25d.inference.export import onnx_graph

    return onnx_graph(network, kind, for_openvino=package == "openvino")


def _shipped_name(network: str | Path | object) -> str | None:
    """Return which shipped network a name or path means; None for weights of one's own."""
    if not isinstance(network, (str, Path)):
        return None
    path = weights_path(network)
    return path.stem if path.parent == WEIGHTS_FOLDER else None


def _int8_graph(
    network: str | Path | object, suffix: str, package: str, device: str, precision: str
) -> Path | None:
    """Return a shipped network's graph in int8 where that is asked for, or best; else None."""
    if package != "onnxruntime" or suffix in RUNS or precision not in ("auto", "int8"):
        return None
    if precision == "auto" and not (cpu_has_int8() and pick_device(device) == "cpu"):
        return None
    shipped = _shipped_name(network)
    if shipped is not None and (graph := WEIGHTS_FOLDER / (shipped + INT8_SUFFIX)).is_file():
        return graph
    if precision == "int8":
        raise ValueError(
            f"{network} has no graph in int8: give a file by `hand-pose-25d export "
            "--precision int8`, or take another precision"
        )
    return None


def _check_digest(graph: Path | bytes, loaded: Backend) -> None:
    """Raise ValueError where a shipped graph and the weights beside it are not one network."""
    if not isinstance(graph, Path) or graph.parent != WEIGHTS_FOLDER:
        return
    weights = graph.with_name(graph.name.partition(".")[0] + ".safetensors")
    if weights.is_file() and digest(weights) != loaded.weights_sha256:
        raise ValueError(
            f"{graph} was made of other weights than {weights.name}: make it again with "
            f"`hand-pose-25d export -o {graph.parent}`"
        )

"""Export: a network as an ONNX, OpenVINO or TorchScript graph, and a check of it against torch.

Every graph takes (N, H, W, 3) uint8 RGB images under the name "images", any N; a pose network's H
and W are its input's side, a detector's are multiples of 32.  It gives the outputs of its kind
(`backends.base.KINDS`) under their names, and carries the network's configuration with it.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hand_pose_25d.inference.backends.base import KINDS, METADATA, Backend
from hand_pose_25d.inference.looks import LARGEST_STRIDE
from hand_pose_25d.networks.files import (
    SEAL,
    UNSEALED,
    digest,
    seal_openvino,
    sealed,
    shipped_weights,
    weights_path,
)

__all__ = [
    "FORMATS", "check_export", "export_network", "image_graph", "kind_of", "onnx_graph",
    "shipped_weights",
]  # fmt: skip

FORMATS = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".pt"}
"""What `export_network` writes, and the files' suffixes."""
OPSET = 17
_DETECTOR_SIDES = ((64, 96), (160, 256))
"""(height, width) of a detector's images, to trace it and to check it."""


def kind_of(network: str | Path | object) -> str:
    """Return "detector" or "pose network": what a name, file or module holds."""
    if isinstance(network, (str, Path)):
        from hand_pose_25d.networks.weights import read_config

        formulation = read_config(weights_path(network)).get("formulation")
        return "detector" if formulation == "detector" else "pose network"
    return "detector" if hasattr(network, "sizes") else "pose network"


def image_graph(network: str | Path | object, kind: str) -> tuple[Any, dict[str, Any]]:
    """Return a network (name, .safetensors path or torch module) as an `ImageGraph` on the CPU.

    With it comes its metadata: "outputs", "config", and "weights_sha256" of a file.  Raises
    ValueError where it is not of this kind.
    """
    from hand_pose_25d.inference.backends.torch import ImageGraph

    title = str(network) if isinstance(network, (str, Path)) else type(network).__name__
    metadata: dict[str, Any] = {"outputs": list(KINDS[kind]), "config": {}}
    if isinstance(network, (str, Path)):
        from hand_pose_25d.networks.weights import load_network, read_config

        path = weights_path(network)
        metadata |= {"config": read_config(path), "weights_sha256": digest(path)}
        network = load_network(path)
    needs = "sizes" if kind == "detector" else "input_size"
    if not hasattr(network, needs):
        if hasattr(network, "sizes" if needs == "input_size" else "input_size"):
            other = next(name for name in KINDS if name != kind)
            raise ValueError(f"weights {title}: a {other}, not a {kind}")
        raise ValueError(
            f"a {kind} must be a name, a path or a torch module with the attribute {needs}, "
            f"got {title}"
        )
    own: Any = network
    value = list(own.sizes) if kind == "detector" else int(own.input_size)
    metadata["config"] = {**metadata["config"], needs: value}
    return ImageGraph(own, KINDS[kind]).eval(), metadata


def export_network(network: str | Path | object, path: Path, file_format: str) -> str:
    """Write a network (name, .safetensors path or torch module) as one of FORMATS.

    Returns its kind.  Raises ValueError for an unknown format or another suffix than the format's.
    """
    if file_format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {file_format!r}")
    if path.suffix != FORMATS[file_format]:
        raise ValueError(f"an {file_format} file must end in {FORMATS[file_format]}, got {path}")
    kind = kind_of(network)
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[str | Path | object, str, Path], None]] = {
        "onnx": _write_onnx,
        "openvino": _write_openvino,
        "torchscript": _write_torchscript,
    }
    writers[file_format](network, kind, path)
    return kind


def check_export(network: str | Path | object, exported: Backend) -> dict[str, float]:
    """Return, per output, the largest difference between torch and an exported graph.

    Over noise, batches of 1, 2 and 5.  Differences are relative to the largest magnitude of
    torch's output, or absolute where that is below 1.
    """
    import torch

    kind = kind_of(network)
    graph, metadata = image_graph(network, kind)
    names = metadata["outputs"]
    worst = dict.fromkeys(names, 0.0)
    for n, (height, width) in zip((1, 2, 5), _sides(metadata) * 3, strict=False):
        shape = (n, height, width, 3)
        images = np.random.default_rng(n).integers(0, 256, shape, dtype=np.uint8)
        with torch.inference_mode():
            expected = [tensor.numpy() for tensor in graph(torch.from_numpy(images))]
        found = exported(images)
        for name, wanted in zip(names, expected, strict=True):
            scale = max(1.0, float(np.abs(wanted).max()))
            difference = float(np.abs(wanted - found[name]).max()) / scale
            worst[name] = max(worst[name], difference)
    return worst


def onnx_graph(network: str | Path | object, kind: str, for_openvino: bool = False) -> bytes:
    """Return a network as the contents of an ONNX file; `for_openvino`: as OpenVINO likes it."""
    import onnx
    import torch

    from hand_pose_25d.inference.onnx_graph import (
        half_weights,
        padded_by_convolutions,
        unfused_prelu,
    )

    graph, metadata = image_graph(network, kind)
    outputs = metadata.pop("outputs")
    if int(metadata["config"].get("input_size", LARGEST_STRIDE)) % LARGEST_STRIDE == 0:
        graph = padded_by_convolutions(graph)
    if not for_openvino:
        graph = unfused_prelu(graph)
    axes = {name: {0: "images_in_batch"} for name in ("images", *outputs)}
    if kind == "detector":
        axes = {name: {0: "images_in_batch", 1: "cells"} for name in outputs}
        axes["images"] = {0: "images_in_batch", 1: "height", 2: "width"}
    written = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer's remarks about Python numbers
        torch.onnx.export(
            graph,
            (_example(metadata),),
            written,  # type: ignore[arg-type]  # a file serves, too
            input_names=["images"],
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    model = half_weights(onnx.load_model_from_string(written.getvalue()))
    metadata[SEAL] = UNSEALED
    onnx.helper.set_model_props(model, {METADATA: json.dumps(metadata, sort_keys=True)})
    return sealed(model.SerializeToString())


def _write_onnx(network: str | Path | object, kind: str, path: Path) -> None:
    path.write_bytes(onnx_graph(network, kind))


def _write_openvino(network: str | Path | object, kind: str, path: Path) -> None:
    import openvino

    with TemporaryDirectory() as folder:
        onnx_path = Path(folder) / "network.onnx"
        onnx_path.write_bytes(onnx_graph(network, kind, for_openvino=True))
        openvino.save_model(openvino.Core().read_model(str(onnx_path)), str(path))
    seal_openvino(path)


def _write_torchscript(network: str | Path | object, kind: str, path: Path) -> None:
    import torch

    graph, metadata = image_graph(network, kind)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(graph, _example(metadata), check_trace=False)
    torch.jit.save(traced, str(path), {METADATA: json.dumps(metadata, sort_keys=True)})


def _sides(metadata: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    """Return (height, width) of images that the network takes."""
    side = metadata["config"].get("input_size")
    return ((side, side),) if side else _DETECTOR_SIDES


def _example(metadata: dict[str, Any]):
    """Return images to trace with: two, as the tracer could take one for a constant."""
    import torch

    return torch.zeros((2, *_sides(metadata)[0], 3), dtype=torch.uint8)

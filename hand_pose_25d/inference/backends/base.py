"""Runtime: how a pose network is run, and in which arithmetic.

Crops go in as uint8 RGB, numpy arrays come out, whatever runs the network: torch on a CPU or a
CUDA device, or an exported graph in ONNX Runtime or OpenVINO (inference/export.py).  A runtime is
not thread-safe; the estimator holds a lock.
"""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

BACKENDS = ("auto", "torch", "onnxruntime", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
OUTPUTS = ("uv", "depth", "uv_covariance", "depth_variance", "confidence", "presence", "right")
"""The network's outputs, in the order of the tensors of an exported ONNX file."""


@dataclass(frozen=True)
class Prediction:
    """What the network says of N crops, float64."""

    uv: np.ndarray
    """(N, 21, 2) crop pixels."""
    depth: np.ndarray
    """(N, 21) root-relative depth, normalised (wrist - index MCP = 1)."""
    uv_covariance: np.ndarray
    """(N, 21, 2, 2) square crop pixels."""
    depth_variance: np.ndarray
    """(N, 21) of `depth`."""
    confidence: np.ndarray
    """(N, 21) in [0, 1]."""
    presence: np.ndarray
    """(N,) probability that the crop shows a hand."""
    right: np.ndarray
    """(N,) probability that what the crop shows looks like a right hand."""

    def __len__(self) -> int:
        return len(self.uv)

    def __getitem__(self, rows: np.ndarray | slice | list[int]) -> Prediction:
        return Prediction(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def __add__(self, other: Prediction) -> Prediction:
        """Return what is said of these crops, then of the other ones."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Prediction(**{name: np.concatenate(pair) for name, pair in pairs.items()})


class Runtime(ABC):
    """A network made ready.  Call it with (N, S, S, 3) uint8 RGB crops, N from 0 on."""

    name: str
    """Backend, device and arithmetic, for people."""
    input_size: int
    """S, pixels."""
    max_batch: int

    def __call__(self, images: np.ndarray) -> Prediction:
        size = self.input_size
        if images.ndim != 4 or images.shape[1:] != (size, size, 3) or images.dtype != np.uint8:
            raise ValueError(
                f"crops must be uint8 of shape (N, {size}, {size}, 3), "
                f"got {images.dtype} of shape {images.shape}"
            )
        chunks = [
            self.raw(np.ascontiguousarray(images[i : i + self.max_batch]))
            for i in range(0, len(images), self.max_batch)
        ]
        if not chunks:
            shapes = ((21, 2), (21,), (21, 2, 2), (21,), (21,), (), ())
            chunks = [[np.zeros((0, *shape)) for shape in shapes]]
        arrays = [np.concatenate([c[i] for c in chunks]).astype(np.float64) for i in range(7)]
        values = dict(zip(OUTPUTS, arrays, strict=True))
        for name in ("presence", "right"):
            values[name] = 1 / (1 + np.exp(-np.clip(values[name], -50, 50)))
        return Prediction(**values)

    @abstractmethod
    def raw(self, images: np.ndarray) -> list[np.ndarray]:
        """Return the arrays of OUTPUTS for one batch, presence and right as logits."""


class TorchRuntime(Runtime):
    """A torch module on a CPU or a CUDA device."""

    def __init__(self, model, device: str = "auto", precision: str = "auto", max_batch: int = 32):
        """Take a network (images (N, 3, S, S) in [0, 1] -> PoseOutput) and move it to `device`."""
        import torch

        self._torch = torch
        self._device = torch.device(pick_device(device))
        self._dtype = getattr(torch, pick_precision(precision, self._device.type))
        self._model = model.eval().to(self._device, memory_format=torch.channels_last)
        self.input_size, self.max_batch = int(model.input_size), max_batch
        self.name = f"torch {self._device} {str(self._dtype).removeprefix('torch.')}"

    def raw(self, images: np.ndarray) -> list[np.ndarray]:
        torch = self._torch
        mixed = self._dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self._device.type, self._dtype, enabled=mixed):
            # An NHWC array seen as NCHW is what torch calls channels_last: nothing is copied.
            batch = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).float() / 255
            output = self._model(batch)
            return [getattr(output, name).float().cpu().numpy() for name in OUTPUTS]


def load_runtime(
    network: str | Path | object = "realtime",
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    max_batch: int = 32,
) -> Runtime:
    """Make a network ready to run.

    Args:
        network: name of shipped weights, path of a .safetensors file or of an exported graph
            (.onnx, .xml), or a torch module.
        device: "auto" (CUDA where torch sees it, else the CPU), "cpu", "cuda", "cuda:N".
        backend: one of BACKENDS; "auto" is torch, for .onnx ONNX Runtime, for .xml OpenVINO.
        precision: one of PRECISIONS; "auto" is float16 on CUDA and float32 on a CPU.
        threads: of the CPU; 0 leaves it to the backend.  Torch has one number for the process.
        max_batch: crops in one forward pass; more are run one batch after the other.

    Raises:
        ValueError: an unknown backend, device or precision, or a combination that does not go.
        FileNotFoundError: no such weights.
        ModuleNotFoundError: the backend's package (extra [onnx] or [openvino]) is not installed.
    """
    _one_of("backend", backend, BACKENDS)
    _one_of("precision", precision, PRECISIONS)
    _whole("threads", threads, 0)
    _whole("max_batch", max_batch, 1)
    title = str(network) if isinstance(network, (str, Path)) else type(network).__name__
    suffix = Path(title).suffix
    if backend == "auto":
        backend = {".onnx": "onnxruntime", ".xml": "openvino"}.get(suffix, "torch")
    if suffix in (".onnx", ".xml") or backend != "torch":
        from hand_pose_25d.inference.export import load_exported

        runtime = load_exported(network, backend, device, precision, threads, max_batch)
    else:
        runtime = _torch_runtime(network, device, precision, threads, max_batch)
    logger.info("pose network %s on %s", title, runtime.name)
    return runtime


def pick_device(device: str) -> str:
    """Return the torch device meant by "auto", "cpu", "cuda" or "cuda:N".

    Raises ValueError for another name, and for a CUDA device that torch does not see.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not re.fullmatch(r"cuda(:\d+)?", str(device)):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {device!r}")
    if device != "cpu":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(device.partition(":")[2] or 0) >= count:
            seen = f"torch {torch.__version__} sees {count} CUDA devices"
            raise ValueError(f"device {device!r}: {seen}")
    return device


def pick_precision(precision: str, device_type: str) -> str:
    """Return the arithmetic meant by `precision` on a device; see load_runtime."""
    _one_of("precision", precision, PRECISIONS)
    if precision == "auto":
        return "float16" if device_type == "cuda" else "float32"
    if precision == "float16" and device_type == "cpu":
        raise ValueError("precision float16 needs a GPU; on a CPU take float32 or bfloat16")
    return precision


def _torch_runtime(
    network: str | Path | object, device: str, precision: str, threads: int, max_batch: int
) -> TorchRuntime:
    import torch

    if threads:
        torch.set_num_threads(threads)
    if isinstance(network, (str, Path)):
        from hand_pose_25d.networks.weights import load_network

        network = load_network(network)
    if not hasattr(network, "input_size"):
        raise ValueError(
            "network must be a name, a path or a torch module with the attribute input_size, "
            f"got {type(network).__name__}"
        )
    return TorchRuntime(network, device, precision, max_batch)


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def _whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number from {least} on, got {value!r}")

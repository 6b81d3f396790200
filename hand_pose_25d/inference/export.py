"""Exported graphs: a pose network as ONNX, OpenVINO IR or TorchScript, and what runs them.

An exported graph takes crops as they come, uint8 (N, S, S, 3) RGB named "images", any N, and gives
the tensors of `runtime.OUTPUTS` under their names, presence and right as logits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hand_pose_25d.inference.backends.base import OUTPUTS, Runtime

FORMATS = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".pt"}
"""What `export_network` writes, and the files' suffixes."""
OPSET = 17


class OnnxRuntime(Runtime):
    """An ONNX file in ONNX Runtime; on a GPU where the onnxruntime-gpu package is installed."""

    def __init__(self, path: Path, device: str = "auto", threads: int = 0, max_batch: int = 32):
        """Load the file; `threads` 0 leaves their number to ONNX Runtime."""
        import onnxruntime

        available = onnxruntime.get_available_providers()
        wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        if device.startswith("cuda") and wanted[0] not in available:
            raise ValueError(
                f"device {device!r} needs the package onnxruntime-gpu; "
                f"this onnxruntime offers {', '.join(available)}"
            )
        providers: list[str | tuple[str, dict]] = [wanted[1]]
        if device != "cpu" and wanted[0] in available:
            number = device.partition(":")[2] or "0"
            providers.insert(0, (wanted[0], {"device_id": number}))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        self.input_size = _crop_side(self._session.get_inputs()[0].shape, path)
        self.max_batch = max_batch
        self.name = f"onnxruntime {self._session.get_providers()[0].removesuffix('Provider')}"

    def raw(self, images: np.ndarray) -> list[np.ndarray]:
        return self._session.run(list(OUTPUTS), {"images": images})


class OpenVinoRuntime(Runtime):
    """An ONNX file or OpenVINO IR in OpenVINO, on the CPU."""

    def __init__(self, path: Path, precision: str = "auto", threads: int = 0, max_batch: int = 32):
        """Load the file; `threads` 0 leaves their number to OpenVINO.

        OpenVINO's own choice of arithmetic is bfloat16 on CPUs made for it; here "auto" means
        float32 as with the other backends, so that results do not change with the machine.
        """
        import openvino

        hints = {"auto": "f32", "float32": "f32", "bfloat16": "bf16", "float16": "f16"}
        config: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": hints[precision],
        }
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        core = openvino.Core()
        model = core.read_model(str(path))
        shape = [d.get_length() if d.is_static else -1 for d in model.input(0).partial_shape]
        self.input_size = _crop_side(shape, path)
        self._request = core.compile_model(model, "CPU", config).create_infer_request()
        self.max_batch = max_batch
        self.name = f"openvino CPU {'float32' if precision == 'auto' else precision}"

    def raw(self, images: np.ndarray) -> list[np.ndarray]:
        self._request.infer({"images": images})
        return [np.array(self._request.get_tensor(name).data) for name in OUTPUTS]


def load_exported(
    network: str | Path | object,
    backend: str,
    device: str,
    precision: str,
    threads: int,
    max_batch: int,
) -> Runtime:
    """Run a file in ONNX Runtime or OpenVINO; weights and modules are exported on the way.

    The arguments are those of `runtime.load_runtime`.
    """
    if backend not in ("onnxruntime", "openvino"):
        raise ValueError(f"{backend} cannot run {network}: choose onnxruntime or openvino for it")
    suffix = Path(network).suffix if isinstance(network, (str, Path)) else ""
    if backend == "onnxruntime" and (suffix == ".xml" or precision not in ("auto", "float32")):
        raise ValueError(
            "onnxruntime runs .onnx files and weights in float32 "
            f"(float16 on a GPU needs a file exported so), got {network} with {precision}"
        )
    if backend == "openvino" and device not in ("auto", "cpu"):
        raise ValueError(f"openvino runs on the CPU: device must be auto or cpu, not {device!r}")

    def load(path: Path) -> Runtime:
        if backend == "onnxruntime":
            return OnnxRuntime(path, device, threads, max_batch)
        return OpenVinoRuntime(path, precision, threads, max_batch)

    if suffix in (".onnx", ".xml"):
        if not Path(str(network)).is_file():
            raise FileNotFoundError(f"no such network file: {network}")
        return load(Path(str(network)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_network(network, path, "onnx")
        return load(path)


def export_network(network: str | Path | object, path: Path, file_format: str) -> int:
    """Write a network (name, .safetensors path or torch module) as one of FORMATS; return S.

    Raises ValueError for an unknown format.
    """
    if file_format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {file_format!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    module, size = _traceable(network)
    writers: dict[str, Callable] = {
        "onnx": _write_onnx,
        "openvino": _write_openvino,
        "torchscript": _write_torchscript,
    }
    writers[file_format](module, size, path)
    return size


def check_export(
    network: str | Path | object, run: Callable[[np.ndarray], list[np.ndarray]], size: int
) -> dict[str, float]:
    """Return, per output, the largest difference between torch and `run` over noise, N = 1, 2, 5.

    `run` maps uint8 (N, S, S, 3) to the arrays of OUTPUTS.  Differences are relative to the
    largest magnitude of torch's output, or absolute where that is below 1.
    """
    import torch

    module, _ = _traceable(network)
    worst = dict.fromkeys(OUTPUTS, 0.0)
    for n in (1, 2, 5):
        images = np.random.default_rng(n).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = [t.numpy() for t in module(torch.from_numpy(images))]
        for name, a, b in zip(OUTPUTS, expected, run(images), strict=True):
            scale = max(1.0, float(np.abs(a).max()))
            worst[name] = max(worst[name], float(np.abs(a - np.asarray(b)).max()) / scale)
    return worst


def torchscript_runner(path: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return a function that runs an exported TorchScript file; for `check_export`."""
    import torch

    module = torch.jit.load(str(path))

    def run(images: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [t.numpy() for t in module(torch.from_numpy(images))]

    return run


def _traceable(network):
    """Return a network wrapped to map uint8 crops to a plain tuple, and its input size."""
    import torch

    if isinstance(network, (str, Path)):
        from hand_pose_25d.networks.weights import load_network

        network = load_network(network)

    class Exportable(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images):
            output = self.network(images.permute(0, 3, 1, 2).float() / 255)
            return tuple(getattr(output, name).float() for name in OUTPUTS)

    return Exportable().eval().cpu(), int(network.input_size)


def _write_onnx(module, size: int, path: Path) -> None:
    import onnx  # noqa: F401  (torch's exporter needs it; say so before the work is done)
    import torch

    # Two crops: with one, the tracer could take the batch dimension for a constant.
    images = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer's remarks about Python numbers
        torch.onnx.export(
            module,
            (images,),
            str(path),
            input_names=["images"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "hands"} for name in ("images", *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )


def _write_openvino(module, size: int, path: Path) -> None:
    import openvino

    with TemporaryDirectory() as folder:
        onnx_path = Path(folder) / "network.onnx"
        _write_onnx(module, size, onnx_path)
        openvino.save_model(openvino.convert_model(str(onnx_path)), str(path))


def _write_torchscript(module, size: int, path: Path) -> None:
    import torch

    images = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.jit.trace(module, images).save(str(path))


def _crop_side(shape: list, path: Path) -> int:
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 or not isinstance(shape[1], int):
        raise ValueError(
            f"{path} takes images of shape {shape}; "
            "a graph by `hand-pose-25d export` takes (N, S, S, 3)"
        )
    return shape[1]

"""ONNX Runtime: an exported ONNX graph on the CPU, or a GPU with the package onnxruntime-gpu."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d.inference.backends.base import (
    METADATA,
    Backend,
    check_outputs,
    parse_metadata,
)
from hand_pose_25d.inference.backends.devices import check_device, has_nvidia_device

_GPU, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class OnnxRuntimeBackend(Backend):
    """An ONNX file in ONNX Runtime, in the arithmetic of the file: float32 or int8."""

    package = "onnxruntime"

    def __init__(
        self,
        graph: Path | bytes,
        kind: str,
        device: str = "auto",
        precision: str = "auto",
        threads: int = 0,
    ) -> None:
        """Load a graph: a file, or its contents.

        Raises ValueError for a graph of another kind, or what this onnxruntime cannot do.
        """
        import onnxruntime

        check_device(device)
        if precision not in ("auto", "float32", "int8"):
            raise ValueError(f"onnxruntime runs graphs in float32 or int8, not in {precision}")
        available = onnxruntime.get_available_providers()
        if device.startswith("cuda") and _GPU not in available:
            raise ValueError(
                f"device {device!r} needs the package onnxruntime-gpu; "
                f"this onnxruntime offers {', '.join(available)}"
            )
        providers: list[str | tuple[str, dict[str, str]]] = [_CPU]
        if device != "cpu" and _GPU in available and has_nvidia_device():
            providers.insert(0, (_GPU, {"device_id": device.partition(":")[2] or "0"}))
        title = str(graph) if isinstance(graph, Path) else "the graph"
        try:
            self._session = onnxruntime.InferenceSession(
                str(graph) if isinstance(graph, Path) else graph,
                _options(onnxruntime, threads or 1),
                providers=providers,
            )
        except Exception as error:  # its own classes have no other base
            raise ValueError(f"{title} is no ONNX graph that runs here: {error}") from error
        outputs = [output.name for output in self._session.get_outputs()]
        check_outputs(outputs, kind, title)
        stored = self._session.get_modelmeta().custom_metadata_map.get(METADATA, "{}")
        metadata = parse_metadata(stored, title)
        own = str(metadata.get("precision", "float32"))
        if precision not in ("auto", own):
            raise ValueError(f"{title} is a graph in {own}: precision must be auto or {own}")
        on_gpu = self._session.get_providers()[0] == _GPU
        super().__init__(
            (device if device.startswith("cuda") else "cuda") if on_gpu else "cpu",
            own,
            0 if on_gpu else threads or 1,
            outputs,
            metadata,
        )

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        return self._session.run(list(self.outputs), {"images": images})


def _options(onnxruntime, threads: int):
    """Return options for threads that sleep when they wait: a robot's computer is busy."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors: they are raised as well
    return options

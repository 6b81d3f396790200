"""OpenVINO: an exported ONNX graph or OpenVINO IR on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d.inference.backends.base import (
    METADATA,
    Backend,
    check_outputs,
    parse_metadata,
)
from hand_pose_25d.inference.backends.devices import check_device

RT_INFO = ["framework", METADATA]
"""Where OpenVINO keeps an ONNX file's metadata, also in an IR that is made of it."""
_HINTS = {"auto": "f32", "float32": "f32", "bfloat16": "bf16"}


class OpenVinoBackend(Backend):
    """An ONNX file or OpenVINO IR in OpenVINO.

    OpenVINO's own choice of arithmetic is bfloat16 on CPUs made for it; here "auto" means float32
    as with the other backends, so that answers do not change with the machine.
    """

    package = "openvino"

    def __init__(
        self,
        graph: Path | bytes,
        kind: str,
        device: str = "auto",
        precision: str = "auto",
        threads: int = 0,
    ) -> None:
        """Load a graph: an .onnx or .xml file, or an ONNX file's contents.

        Raises ValueError for a graph of another kind, or what OpenVINO cannot do here.
        """
        import openvino

        check_device(device)
        if device not in ("auto", "cpu"):
            raise ValueError(
                f"openvino runs on the CPU: device must be auto or cpu, not {device!r}"
            )
        if precision not in _HINTS:
            raise ValueError(
                f"openvino runs on the CPU in float32 or bfloat16, not in {precision}"
            )
        title = str(graph) if isinstance(graph, Path) else "the graph"
        core = openvino.Core()
        try:
            model = core.read_model(str(graph) if isinstance(graph, Path) else graph)
        except RuntimeError as error:
            raise ValueError(f"{title} is no graph that OpenVINO reads: {error}") from error
        outputs = [output.get_any_name() for output in model.outputs]
        check_outputs(outputs, kind, title)
        stored = model.get_rt_info(RT_INFO).astype(str) if model.has_rt_info(RT_INFO) else "{}"
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": threads or 1,
            "ENABLE_CPU_PINNING": False,  # other programs may be on those cores
        }
        self._request = core.compile_model(model, "CPU", config).create_infer_request()
        super().__init__(
            "cpu",
            "bfloat16" if precision == "bfloat16" else "float32",
            threads or 1,
            outputs,
            parse_metadata(stored, title),
        )

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        self._request.infer({"images": images})
        return [np.array(self._request.get_tensor(name).data) for name in self.outputs]

"""Backend: a network made ready to run, whatever runs it.

Pose network and detector are both graphs: a batch of uint8 RGB images goes in under the name
"images", named float32 arrays come out.  What else there is to know of a network (its kind, the
sides of its input) is in its configuration, which weights and exported graphs carry with them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.backends.process import OwnProcess
from hand_pose_25d.io.bounded import parse_json
from hand_pose_25d.networks.config_limits import check_config

BACKENDS = ("auto", "torch", "onnxruntime", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")

POSE_OUTPUTS = (
    "uv", "depth", "uv_covariance", "depth_variance", "confidence", "presence", "right",
)  # fmt: skip
"""Of a pose network, presence and right as logits; see networks/output.py."""
DETECTOR_OUTPUTS = ("score", "box", "center", "size", "direction", "right")
"""Of a detector, score and right as logits; see networks/detector_net.py."""
KINDS = {"pose network": POSE_OUTPUTS, "detector": DETECTOR_OUTPUTS}
METADATA = "hand_pose_25d"
"""Key of the JSON object in an exported graph: "config" is the network's configuration, and
"weights_sha256" the digest of the safetensors file that the graph was made of, if there is one,
"precision" its arithmetic where that is not float32."""


class Backend(ABC):
    """A graph on a device.  Call it with (N, H, W, 3) uint8 images, N from 1 on.

    Not thread-safe: one call at a time.
    """

    package: str
    """What runs the graph: "torch", "onnxruntime", "openvino"."""

    def __init__(
        self,
        device: str,
        precision: str,
        threads: int,
        outputs: Sequence[str],
        metadata: Mapping[str, Any],
    ) -> None:
        """Note what the graph runs on: `threads` of the CPU, or 0 on a GPU."""
        self._process = OwnProcess()
        self.device, self.precision, self.threads = device, precision, threads
        self.outputs = tuple(outputs)
        self.config: dict[str, Any] = dict(metadata.get("config", {}))
        """The network's configuration; empty where nothing is known."""
        try:
            check_config(self.config)
        except ValueError as error:
            raise ValueError(f"the graph's configuration: {error}") from error
        self.weights_sha256: str | None = metadata.get("weights_sha256")
        """Digest of the safetensors file that an exported graph was made of."""

    @property
    def name(self) -> str:
        """Package, device, arithmetic and threads, for people."""
        words = f"{self.package} {self.device} {self.precision}"
        if not self.threads:
            return words
        return f"{words}, {self.threads} thread{'s' * (self.threads > 1)}"

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays by their names.

        Raises ValueError for images of another type, RuntimeError in a fork of the process.
        """
        self._process.check(f"a network on {self.package}")
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise ValueError(
                "images must be uint8 of shape (N, H, W, 3), "
                f"got {images.dtype} of shape {images.shape}"
            )
        arrays = self.run(np.ascontiguousarray(images))
        return dict(zip(self.outputs, arrays, strict=True))

    @property
    def largest_crops(self) -> int:
        """Crops that `run_crops` takes at once; 0: it takes none."""
        return 0

    def run_crops(self, frame: Frame, cameras: Sequence[VirtualCamera]) -> list[np.ndarray]:
        """Return the arrays of `outputs` for crops that are drawn where the graph runs.

        Raises NotImplementedError where `largest_crops` is 0.
        """
        raise NotImplementedError(f"{self.name} takes images")

    @abstractmethod
    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Return the arrays of `outputs` for one batch."""


def parse_metadata(text: str, title: str) -> dict[str, Any]:
    """Return the JSON object under METADATA in a graph.  Raises ValueError where it is none."""
    metadata = parse_json(text, f"{title}: metadata {METADATA!r}")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("config", {}), dict):
        raise ValueError(f"{title}: metadata {METADATA!r} must be an object, is {metadata!r}")
    return metadata


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def whole(name: str, value: object, least: int) -> None:
    """Raise ValueError unless the value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number from {least} on, got {value!r}")


def check_outputs(outputs: Sequence[str], kind: str, title: str) -> None:
    """Raise ValueError where a graph's outputs are not those of the kind of network wanted."""
    wanted = KINDS[kind]
    if set(wanted) <= set(outputs):
        return
    for other, names in KINDS.items():
        if set(names) <= set(outputs):
            raise ValueError(f"{title}: a {other}, not a {kind}")
    raise ValueError(
        f"{title} gives {', '.join(outputs) or 'nothing'}; a {kind} by `hand-pose-25d export` "
        f"gives {', '.join(wanted)}"
    )

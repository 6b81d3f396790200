"""The pose network: crops in, a `Prediction` out, whatever backend runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.backends.base import POSE_OUTPUTS, Backend, whole
from hand_pose_25d.inference.load import load_backend


@dataclass(frozen=True)
class Prediction:
    """What the network predicts for N crops, float64."""

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
    p_right: np.ndarray
    """(N,) probability that the crop as it is, mirrored or not, shows a right hand."""

    def __len__(self) -> int:
        return len(self.uv)

    def __getitem__(self, rows: np.ndarray | slice | list[int]) -> Prediction:
        return Prediction(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def __add__(self, other: Prediction) -> Prediction:
        """Return these crops' rows, then the other ones."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Prediction(**{name: np.concatenate(pair) for name, pair in pairs.items()})


class PoseNetwork:
    """A pose network made ready.  Call it with (N, S, S, 3) uint8 RGB crops, N from 0 on.

    Not thread-safe; the estimator holds a lock.
    """

    def __init__(self, backend: Backend, max_batch: int = 32) -> None:
        """Take a backend that runs a pose network; `max_batch`: crops in one forward pass, more
        are run one batch after the other.

        Raises ValueError where the backend's graph does not say the side of its crops.
        """
        whole("max_batch", max_batch, 1)
        if "input_size" not in backend.config:
            raise ValueError(
                f"the graph on {backend.name} does not say the side of its crops; "
                "one by `hand-pose-25d export` does"
            )
        self.backend, self.max_batch = backend, max_batch
        self.input_size = int(backend.config["input_size"])
        """S, pixels."""

    @property
    def name(self) -> str:
        """Backend, device, arithmetic and threads, for people."""
        return self.backend.name

    def __call__(self, images: np.ndarray) -> Prediction:
        """Run the network on the crops.  Raises ValueError for other images."""
        size = self.input_size
        if images.ndim != 4 or images.shape[1:] != (size, size, 3) or images.dtype != np.uint8:
            raise ValueError(
                f"crops must be uint8 of shape (N, {size}, {size}, 3), "
                f"got {images.dtype} of shape {images.shape}"
            )
        return self._prediction([
            self.backend(images[i : i + self.max_batch])
            for i in range(0, len(images), self.max_batch)
        ])  # fmt: skip

    def of_frame(self, frame: Frame, cameras: Sequence[VirtualCamera]) -> Prediction:
        """Run the network on crops of a frame, drawn where the backend runs if it can do that.

        `cameras`: the crops' virtual cameras, of this network's `input_size`.
        """
        size, most = self.input_size, min(self.backend.largest_crops, self.max_batch)
        if most:
            arrays = [
                self.backend.run_crops(frame, cameras[i : i + most])
                for i in range(0, len(cameras), most)
            ]
            names = self.backend.outputs
            return self._prediction([dict(zip(names, a, strict=True)) for a in arrays])
        crops = np.empty((len(cameras), size, size, 3), dtype=np.uint8)
        for crop, camera in zip(crops, cameras, strict=True):
            crop[:] = camera.sample(frame.image)
        return self(crops)

    def _prediction(self, chunks: list[dict[str, np.ndarray]]) -> Prediction:
        if not chunks:
            shapes = ((21, 2), (21,), (21, 2, 2), (21,), (21,), (), ())
            chunks = [{k: np.zeros((0, *s)) for k, s in zip(POSE_OUTPUTS, shapes, strict=True)}]
        values = {
            name: np.concatenate([chunk[name] for chunk in chunks], dtype=np.float64)
            for name in POSE_OUTPUTS
        }
        for name in ("presence", "right"):
            values[name] = 1 / (1 + np.exp(-np.minimum(np.maximum(values[name], -50), 50)))
        return Prediction(p_right=values.pop("right"), **values)


def load_pose_network(
    network: str | Path | object = "realtime",
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    max_batch: int = 32,
) -> PoseNetwork:
    """Make a pose network ready to run, unless it is one already.

    See `load_backend` for what the arguments mean and what is raised.
    """
    if isinstance(network, PoseNetwork):
        return network
    loaded = load_backend(network, "pose network", device, backend, precision, threads)
    return PoseNetwork(loaded, max_batch)

"""Torch: a module, or an exported TorchScript file, on a CPU or a CUDA device."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.backends.base import METADATA, Backend, parse_metadata
from hand_pose_25d.inference.backends.cuda_graphs import CudaGraphs
from hand_pose_25d.inference.backends.devices import pick_device, pick_precision
from hand_pose_25d.inference.backends.torch_crops import UploadedImage, sample_crops

logger = logging.getLogger(__name__)


class ImageGraph(nn.Module):
    """A network as a graph: (N, H, W, 3) uint8 images -> a tuple of float32 tensors."""

    def __init__(self, network: nn.Module, outputs: Sequence[str]) -> None:
        """`network`: (N, 3, H, W) in [0, 1] -> a named tuple with the fields `outputs`."""
        super().__init__()
        self.network, self.outputs = network, tuple(outputs)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Run the network."""
        # An NHWC array seen as NCHW is what torch calls channels_last: nothing is copied.
        output = self.network(images.permute(0, 3, 1, 2).float() / 255)
        return tuple(getattr(output, name).float() for name in self.outputs)


class TorchBackend(Backend):
    """A graph in torch."""

    package = "torch"

    def __init__(
        self,
        graph: nn.Module,
        outputs: Sequence[str],
        metadata: Mapping[str, Any],
        device: str = "auto",
        precision: str = "auto",
        threads: int = 0,
    ) -> None:
        """Take an `ImageGraph`, or what one was traced to, and move it to the device."""
        self._device = torch.device(pick_device(device))
        precision = pick_precision(precision, self._device.type)
        on_cpu = self._device.type == "cpu"
        super().__init__(
            str(self._device), precision, (threads or 1) if on_cpu else 0, outputs, metadata
        )
        self._dtype = getattr(torch, precision)
        self._graph = graph.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._uploaded = UploadedImage(self._device)
        self._graphs = None if on_cpu else CudaGraphs(self._graph, self._device, self._dtype)

    @property
    def largest_crops(self) -> int:
        """Crops that `run_crops` takes at once: on a GPU, those of the largest CUDA graph."""
        return 0 if self._graphs is None else self._graphs.largest

    def run_crops(self, frame: Frame, cameras: Sequence[VirtualCamera]) -> list[np.ndarray]:
        """Draw the crops on the device; an image is sent there once, however many ask for it."""
        self._process.check(f"a network on {self.package}")
        with torch.inference_mode():
            return self._answers(sample_crops(self._uploaded.of(frame), cameras))

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        return self._answers(images)

    def _answers(self, images: np.ndarray | Tensor) -> list[np.ndarray]:
        if self._graphs is not None and len(images) <= self._graphs.largest:
            try:
                with torch.inference_mode():
                    return self._graphs.run(images)
            except RuntimeError as error:  # what cannot be captured runs step by step
                logger.warning("%s: no CUDA graph (%s)", self.name, error)
                self._graphs = None
        mixed = self._dtype != torch.float32
        with (
            _threads(self.threads),
            torch.inference_mode(),
            torch.autocast(self._device.type, self._dtype, enabled=mixed),
        ):
            batch = torch.as_tensor(images).to(self._device)
            return [tensor.float().cpu().numpy() for tensor in self._graph(batch)]


def load_torchscript(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Load an exported TorchScript file and its metadata, with the names of its outputs in it.

    Raises ValueError where the file is none, or by something else than `hand-pose-25d export`.
    """
    extra = {METADATA: ""}
    try:
        graph = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    except RuntimeError as error:
        raise ValueError(f"{path} is no TorchScript file: {error}") from error
    metadata = parse_metadata(extra[METADATA] or "{}", str(path))
    return graph, {"outputs": [], **metadata}


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use so many threads meanwhile; it has one number for the process.  0: as it is."""
    before = torch.get_num_threads()
    if count in (0, before):
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""CUDA graphs of a network for fixed batches: one launch, pinned memory, one synchronisation.

A network of this size keeps a GPU busy for less time than Python takes to launch its kernels.  A
graph is captured once for each batch size and image size, copies from and to pinned memory
included; a smaller batch leaves the rest of a graph's rows as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

BATCHES = (1, 2, 4, 8, 16)
MOST_GRAPHS = 16
"""Kept at a time: images of ever new sizes must not fill the GPU's memory."""
WARM_UP = 3


@dataclass(frozen=True)
class _Captured:
    """A graph and the memory it reads and writes."""

    graph: torch.cuda.CUDAGraph
    images: Tensor
    """On the GPU: (B, H, W, 3) uint8."""
    host_images: Tensor
    """The same, pinned, for batches that come from the CPU."""
    host_answers: Tensor
    """Pinned: (B, F) float32, all outputs of an image one after the other."""
    shapes: list[tuple[int, ...]]
    """Of the outputs for one image."""


class CudaGraphs:
    """Runs a module by graphs.  Not thread-safe."""

    def __init__(self, module: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        """Take a module on a CUDA device: (B, H, W, 3) uint8 -> a tuple of tensors."""
        self._module, self._device, self._dtype = module, device, dtype
        self._captured: dict[tuple[int, ...], _Captured] = {}
        self._stream = torch.cuda.Stream(device)

    @property
    def largest(self) -> int:
        """The largest batch."""
        return BATCHES[-1]

    def run(self, images: np.ndarray | Tensor) -> list[np.ndarray]:
        """Return the outputs for at most `largest` images, of the CPU or of this GPU.

        Raises RuntimeError where a graph cannot be captured.
        """
        count = len(images)
        batch = next(size for size in BATCHES if size >= count)
        shape = (batch, *images.shape[1:])
        captured = self._captured.get(shape) or self._capture(shape)
        with torch.cuda.stream(self._stream):
            if isinstance(images, np.ndarray):
                captured.host_images[:count] = torch.from_numpy(images)
                captured.images[:count].copy_(captured.host_images[:count], non_blocking=True)
            else:
                self._stream.wait_stream(torch.cuda.current_stream(self._device))
                captured.images[:count].copy_(images, non_blocking=True)
            captured.graph.replay()
        self._stream.synchronize()
        return unpacked(captured.host_answers[:count].numpy(), captured.shapes)

    def _capture(self, shape: tuple[int, ...]) -> _Captured:
        while len(self._captured) >= MOST_GRAPHS:
            del self._captured[next(iter(self._captured))]
        images = torch.zeros(shape, dtype=torch.uint8, device=self._device)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UP):
                answers, shapes = self._packed(images)
        self._stream.synchronize()
        host = torch.empty(answers.shape, dtype=torch.float32, pin_memory=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            answers, _ = self._packed(images)
            host.copy_(answers, non_blocking=True)
        pinned = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self._captured[shape] = _Captured(graph, images, pinned, host, shapes)
        return self._captured[shape]

    def _packed(self, images: Tensor) -> tuple[Tensor, list[tuple[int, ...]]]:
        # Without a cache: what it holds would be freed under the graph.
        mixed = self._dtype != torch.float32
        with torch.autocast("cuda", self._dtype, enabled=mixed, cache_enabled=False):
            return packed(self._module(images))


def packed(outputs: tuple[Tensor, ...]) -> tuple[Tensor, list[tuple[int, ...]]]:
    """Return outputs of B images as one (B, F) float32 tensor, and their shapes for one image."""
    shapes = [tuple(output.shape[1:]) for output in outputs]
    flat = [output.float().reshape(len(output), -1) for output in outputs]
    return torch.cat(flat, dim=1), shapes


def unpacked(answers: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Return copies of the outputs: (B, F) -> an array a shape, (B, *shape)."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = np.split(answers, ends, axis=1)
    return [
        part.reshape(len(answers), *shape).copy()
        for part, shape in zip(parts, shapes, strict=True)
    ]

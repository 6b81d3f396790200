"""One graph for several threads: what they ask for at the same time is one batch.

A GPU takes hardly longer for sixteen crops than for one.  Where several recordings are tracked at
once, each in a thread of its own, their crops and images share forward passes.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from hand_pose_25d.inference.backends.base import Backend, whole

PATIENCE = 0.002  # seconds


@dataclass
class _Request:
    images: np.ndarray
    answer: Future[list[np.ndarray]] = field(default_factory=Future)


class BatchingBackend(Backend):
    """A backend that threads share: safe to call from each of them, unlike what it wraps.

    Answers are those of the backend for larger batches, which may differ in the last digits.
    """

    def __init__(
        self, backend: Backend, members: int, max_batch: int = 64, patience: float = PATIENCE
    ) -> None:
        """Take a backend that nobody else calls.

        Args:
            backend: what runs the graph.
            members: threads that call; a batch does not wait when so many have asked.
            max_batch: images in one forward pass.
            patience: seconds for which the first request waits for those of the other threads.

        Raises ValueError for numbers below 1.
        """
        whole("members", members, 1)
        whole("max_batch", max_batch, 1)
        self.package = backend.package
        super().__init__(
            backend.device, backend.precision, backend.threads, backend.outputs,
            {"config": backend.config, "weights_sha256": backend.weights_sha256},
        )  # fmt: skip
        self.batches: list[int] = []
        """Images of each forward pass, for those who measure."""
        self.patience = patience
        self._backend, self._members, self._max_batch = backend, members, max_batch
        self._requests: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="batches", daemon=True).start()

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        request = _Request(images)
        self._requests.put(request)
        return request.answer.result()

    def _serve(self) -> None:
        while True:
            by_shape: dict[tuple[int, ...], list[_Request]] = {}
            for request in self._gathered():
                by_shape.setdefault(request.images.shape[1:], []).append(request)
            for requests in by_shape.values():
                self._answer(requests)

    def _gathered(self) -> list[_Request]:
        """Return the next requests: one of each member, or those that came within `patience`."""
        requests = [self._requests.get()]
        end = time.monotonic() + self.patience
        while len(requests) < self._members:
            try:
                requests.append(self._requests.get(timeout=max(end - time.monotonic(), 0.0)))
            except queue.Empty:
                break
        return requests

    def _answer(self, requests: list[_Request]) -> None:
        try:
            images = np.concatenate([request.images for request in requests])
            parts = [
                self._backend.run(images[i : i + self._max_batch])
                for i in range(0, len(images), self._max_batch)
            ]
            self.batches += [min(self._max_batch, len(images) - i * self._max_batch)
                             for i in range(len(parts))]  # fmt: skip
            arrays = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
            ends = np.cumsum([len(request.images) for request in requests])[:-1]
            split = [np.split(array, ends) for array in arrays]
            for row, request in enumerate(requests):
                request.answer.set_result([columns[row] for columns in split])
        except BaseException as error:  # each who asked learns of it
            for request in requests:
                if not request.answer.done():
                    request.answer.set_exception(error)

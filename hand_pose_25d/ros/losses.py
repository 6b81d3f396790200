"""Losses: how many images did not reach the node, though their CameraInfo did.

A CameraInfo is small and hardly ever lost; an image has its CameraInfo's stamp.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

GRACE = 1.0  # seconds by which an image may come after its CameraInfo
WINDOW = 10.0  # seconds over which losses are judged
_LEAST, _SHARE = 3, 0.05  # lost images, and their share, from which on they are complained of
REMEMBERED = 1000  # stamps

Stamp = tuple[int, int]
"""Seconds and nanoseconds."""


class Losses:
    """Counts images against CameraInfo messages.  Safe to use from several threads.

    Only a CameraInfo counts whose frame_id has been that of an image's: another camera on the
    same topic, and a driver whose two stamps differ, lose nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, never going back."""
        self._clock, self._lock = clock, threading.Lock()
        self.lost = 0
        """Images lost since the node is there."""
        self.start()

    def start(self) -> None:
        """Begin anew to compare: what was published before is no loss."""
        with self._lock:
            self._images: OrderedDict[Stamp, None] = OrderedDict()
            self._waiting: OrderedDict[Stamp, tuple[float, str]] = OrderedDict()
            self._first: dict[str, float] = {}  # by frame_id: when an image met its CameraInfo
            self._came: deque[float] = deque()
            self._lost: deque[float] = deque()

    def info(self, stamp: Stamp, frame: str) -> None:
        """Take stamp and frame_id of a CameraInfo that has come."""
        with self._lock:
            if stamp in self._images:
                self._met(frame)
            else:
                self._waiting.setdefault(stamp, (self._clock(), frame))
                _forget(self._waiting)

    def image(self, stamp: Stamp) -> None:
        """Take the stamp of an image that has come."""
        with self._lock:
            self._images[stamp] = None
            _forget(self._images)
            if stamp in self._waiting:
                self._met(self._waiting.pop(stamp)[1])

    def complaint(self) -> str:
        """Count what has not come by now; return a sentence where images were lost just now.

        Single losses of an image or two are no matter; then the sentence is empty.
        """
        with self._lock:
            now, before = self._clock(), self.lost
            while self._waiting:
                stamp, (since, frame) = next(iter(self._waiting.items()))
                if now - since <= GRACE:
                    break
                del self._waiting[stamp]
                if since > self._first.get(frame, since):
                    self.lost += 1
                    self._lost.append(since)
            for times in (self._came, self._lost):
                while times and now - times[0] > WINDOW + GRACE:
                    times.popleft()
            lost, total = len(self._lost), len(self._lost) + len(self._came)
            if self.lost == before or lost < _LEAST or lost < _SHARE * total:
                return ""
        return (
            f"{lost} of {total} images of the last {WINDOW:.0f} s were lost before they reached "
            "this node (their CameraInfo came)"
        )

    def _met(self, frame: str) -> None:
        now = self._clock()
        self._first.setdefault(frame, now)
        self._came.append(now)


def _forget(known: OrderedDict[Stamp, Any]) -> None:
    while len(known) > REMEMBERED:
        known.popitem(last=False)

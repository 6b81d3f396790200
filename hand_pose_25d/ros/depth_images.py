"""Depth images beside the images: which belongs to which, and what can be used of them.

An image waits for its depth image a little, while depth images come; one without is worked on all
the same.  What a depth image holds is checked when it is used: whatever is wrong with it costs
the image its depth, and is said.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Any

import numpy as np

from hand_pose_25d.ros.images import InputError, image_rows, typed_rows
from hand_pose_25d.ros.messages import seconds

WAIT = 0.05
"""Seconds for which an image waits for its depth image."""
_COMING = 1.0  # seconds since the last one: while it is so, another is worth waiting for
_KEPT = 8  # of which an image may be any one's
_TYPES: dict[str, Any] = {"16UC1": np.uint16, "mono16": np.uint16, "32FC1": np.float32}


class DepthImages:
    """The last depth images.  Messages are added by one thread and asked for by another."""

    def __init__(self) -> None:
        """Begin with none."""
        self._condition = threading.Condition()
        self._messages: deque[Any] = deque(maxlen=_KEPT)
        self._last: float | None = None

    def add(self, message: Any) -> None:
        """Take a sensor_msgs/Image."""
        with self._condition:
            self._messages.append(message)
            self._last = time.monotonic()
            self._condition.notify_all()

    def find(self, stamp: float, tolerance: float, wait: float = WAIT) -> Any:
        """Return the message whose stamp is nearest to this one (seconds).

        Raises InputError where none is within `tolerance` seconds.
        """
        end = time.monotonic() + wait
        with self._condition:
            while not (near := self._nearest(stamp)) or abs(near[0]) > tolerance:
                left = end - time.monotonic()
                if left <= 0 or not self._may_come(stamp + tolerance):
                    break
                self._condition.wait(left)
        if not near:
            raise InputError("depth silence", "depth is not used: no depth image has come")
        if abs(near[0]) > tolerance:
            raise InputError(
                "depth stamps",
                f"depth is not used: the nearest depth image's stamp is {near[0]:+.3f} s from "
                f"the image's, depth_tolerance is {tolerance:g} s",
            )
        return near[1]

    def _nearest(self, stamp: float) -> tuple[float, Any] | None:
        offsets = [(seconds(m.header.stamp) - stamp, m) for m in self._messages]
        return min(offsets, key=lambda pair: abs(pair[0]), default=None)

    def _may_come(self, latest: float) -> bool:
        """Whether depth images come, and none from after this time has come yet."""
        if self._last is None or time.monotonic() - self._last > _COMING:
            return False
        return all(seconds(m.header.stamp) <= latest for m in self._messages)


def depth_of(message: Any, width: int, height: int) -> np.ndarray:
    """Return the (H, W) uint16 mm or float32 m of a depth image that fits an image of this size.

    Raises InputError, which says what is wrong, for whatever cannot be used.
    """
    kind = _TYPES.get(message.encoding)
    if kind is None:
        raise InputError(
            "depth encoding",
            f"depth is not used: its encoding is {message.encoding[:40]!r}; known are 16UC1 (mm) "
            "and 32FC1 (m)",
        )
    size = f"{message.width} x {message.height}"
    if (message.width, message.height) != (width, height):
        raise InputError(
            "depth size",
            f"depth is not used: it is {size} px, the image {width} x {height}; register it to "
            "the image (align_depth of the driver, or depth_image_proc/register)",
        )
    row_bytes = width * np.dtype(kind).itemsize
    rows = image_rows(message, height, row_bytes, f"{size} depth image")
    depth = typed_rows(rows, kind)
    if bool(message.is_bigendian) != (sys.byteorder == "big"):
        depth = depth.byteswap()
    if not (np.isfinite(depth) & (depth > 0)).any():
        raise InputError("depth empty", "depth is not used: no pixel of it has a value")
    return depth

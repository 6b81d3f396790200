"""Hands found by another node: boxes from a topic, in the place of the shipped detector."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.ros.images import InputError

_LEFT, _RIGHT = ("left", "l"), ("right", "r")
_P_CLASS = 0.9  # of the handedness in a class name; the pose network votes, too


def message_type(detections_type: str) -> Any:
    """Return the class of the messages on `detections`.

    Raises ValueError where vision_msgs is asked for and not installed.
    """
    if detections_type == "region_of_interest":
        from sensor_msgs.msg import RegionOfInterest

        return RegionOfInterest
    try:
        from vision_msgs.msg import Detection2DArray
    except ImportError as error:
        raise ValueError(
            "detections_type is vision_msgs, which is not installed (ros-<distro>-vision-msgs); "
            "region_of_interest needs nothing"
        ) from error
    return Detection2DArray


def detections_from_message(
    message: Any, complain: Callable[[str, str], object] = lambda *_: None
) -> list[Detection]:
    """Return the boxes of a RegionOfInterest (one; of size 0: none) or a Detection2DArray.

    `complain`: called with kind and text for a box of an array that is none; the others count.

    A Detection2D whose best class has the word "left" or "right" in its name ("hand_left", "Right
    Hand") says which hand it is, of an image that is not mirrored.

    Raises InputError for a RegionOfInterest that is none.
    """
    try:
        if hasattr(message, "x_offset"):
            if message.width == 0 or message.height == 0:
                return []
            box = (message.x_offset, message.y_offset, message.width, message.height)
            return [Detection(tuple(float(v) for v in box))]  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError("detections", f"a detection that cannot be used: {error}") from error
    found = []
    for i, item in enumerate(message.detections):
        try:
            found.append(_detection(item))
        except (ValueError, OverflowError) as error:
            complain(
                "detections",
                f"detection {i} of {len(message.detections)} cannot be used: {error}; the others "
                "count",
            )
    return found


def _detection(item: Any) -> Detection:
    center = item.bbox.center
    position = getattr(center, "position", center)  # vision_msgs before 4.0 has x and y in center
    w, h = float(item.bbox.size_x), float(item.bbox.size_y)
    box = (position.x - w / 2, position.y - h / 2, w, h)
    score, p_right = 1.0, math.nan
    if item.results:
        best = max((getattr(r, "hypothesis", r) for r in item.results), key=lambda r: r.score)
        score = float(np.clip(best.score, 0.0, 1.0)) if math.isfinite(best.score) else 0.0
        label = str(getattr(best, "class_id", getattr(best, "id", ""))).lower()
        words = label.replace("_", " ").replace("-", " ").split()
        if any(word in _LEFT for word in words):
            p_right = 1 - _P_CLASS
        elif any(word in _RIGHT for word in words):
            p_right = _P_CLASS
    return Detection(box, score, p_right)


class TopicDetector:
    """Stands in for the detector in the estimator: answers with the newest message's boxes."""

    def __init__(self, max_age: float) -> None:
        """`max_age`: seconds after its arrival for which a message counts."""
        self.max_age = max_age
        self._lock = threading.Lock()
        self._newest: tuple[float, list[Detection]] | None = None

    def add(self, detections: list[Detection]) -> None:
        """Take the boxes of a message that has just come."""
        with self._lock:
            self._newest = (time.monotonic(), detections)

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Return the boxes that share a pixel with the (H, W, 3) image."""
        with self._lock:
            if self._newest is None or time.monotonic() - self._newest[0] > self.max_age:
                return []
            found = self._newest[1]
        height, width = image.shape[:2]
        return [
            d
            for d in found
            if d.box[0] < width and d.box[1] < height
            and d.box[0] + d.box[2] > 0 and d.box[1] + d.box[3] > 0
        ]  # fmt: skip

"""HeldDetections: detections whose search for rotation and handedness waits for a later image.

A detection that leaves the handedness open costs two crops of the pose network, a bare box twelve.
All of an image's at once would hold up the hands that are tracked already.
"""

from __future__ import annotations

from collections.abc import Sequence

from hand_pose_25d.geometry.roi import region_iou
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.hypotheses import crops_needed

CROPS_AN_IMAGE = 2
"""Crops for searches in one image; a search that takes more is the only one of its image."""
SAME_HAND_IOU = 0.4
"""A held detection that overlaps a newer one more than this is given up for it."""
MOST_IMAGES = 6
"""After which a held detection is given up: its hand is somewhere else by then."""


class HeldDetections:
    """A queue: first found, first searched.  It holds those of images of one size."""

    def __init__(self) -> None:
        self._queue: list[tuple[Detection, int]] = []  # with the images until it is given up
        self._size: tuple[int, int] | None = None

    def take(self, found: Sequence[Detection], size: tuple[int, int]) -> list[Detection]:
        """Add an image's detections; return those to go on with in this image.

        They are those that need no search, and of the others as many as `CROPS_AN_IMAGE` allows,
        at least one.  `size`: the image's; another one than the last empties the queue.
        """
        before = self._queue if size == self._size else []
        self._size = size
        waiting = [(d, left - 1) for d, left in before if left > 1 and not _is_among(d, found)]
        waiting += [(d, MOST_IMAGES) for d in found if crops_needed(d)]
        taken = [d for d in found if not crops_needed(d)]
        crops = 0
        while waiting:
            crops += crops_needed(waiting[0][0])
            if crops > CROPS_AN_IMAGE and crops > crops_needed(waiting[0][0]):
                break
            taken.append(waiting.pop(0)[0])
        self._queue = waiting
        return taken


def _is_among(detection: Detection, others: Sequence[Detection]) -> bool:
    """Whether one of the others shows the same hand."""
    region = detection.region()
    return any(region_iou(region, other.region()) > SAME_HAND_IOU for other in others)

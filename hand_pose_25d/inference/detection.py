"""Detection: one hand found in an image, by our detector or by anything else.

Anything with a method `detect(image) -> list[Detection]` takes the place of the shipped detector
in the estimator (`HandDetector`).  A box that a caller brings is a `Detection` of that box alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from hand_pose_25d.geometry.boxes import Box, box_fault, check_boxes
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region


@dataclass(frozen=True)
class Detection:
    """One hand in an image.  Pixels, radians."""

    box: Box
    """(x, y, w, h), tight around the 21 keypoints."""
    score: float = 1.0
    """Probability that this is a hand, in [0, 1]."""
    p_right: float = math.nan
    """Probability that it is a right hand (image not mirrored); NaN: unknown."""
    angle: float = math.nan
    """Of wrist -> knuckles in the sense of `Region.angle`; NaN: unknown."""
    placed: Region | None = None
    """Where the detector itself places the region, if it does."""

    def __post_init__(self) -> None:
        if fault := box_fault(self.box):
            raise ValueError(f"the box {self.box}: {fault}")

    def region(self) -> Region:
        """Return the region for the pose network, placed as `Region.from_keypoints` would.

        Without an angle of its own the hand is taken to point up.
        """
        if self.placed is not None:
            return self.placed
        return Region.from_box(self.box, self.angle if math.isfinite(self.angle) else 0.0)

    def moved(self, right: float, down: float) -> Detection:
        """Return the detection as it is in an image that begins as much further left and up."""
        x, y, w, h = self.box
        placed = self.placed
        if placed is not None:
            placed = replace(placed, center=(placed.center[0] + right, placed.center[1] + down))
        return replace(self, box=(x + right, y + down, w, h), placed=placed)


@runtime_checkable
class HandDetector(Protocol):
    """What the estimator asks of a detector."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find hands in an (H, W, 3) uint8 RGB image."""
        ...


def detections_of_boxes(
    boxes: Iterable[Sequence[float]] | None, camera: Camera
) -> list[Detection] | None:
    """Return the boxes that a caller gives as detections; None stays None.

    Raises ValueError for a box that is wrong, see `check_boxes`.
    """
    return None if boxes is None else [Detection(box) for box in check_boxes(boxes, camera)]

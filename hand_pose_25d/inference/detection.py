"""Detection: one hand found in an image, by our detector or by anything else.

Anything with a method `detect(image) -> list[Detection]` takes the place of the shipped detector
in the estimator (`HandDetector`); `detections_from_boxes` makes detections of the boxes that a
caller or another detector brings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hand_pose_25d.geometry.roi import Region

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Detection:
    """One hand in an image.  Pixels, radians."""

    box: Box
    """(x, y, w, h), tight around the 21 keypoints."""
    score: float = 1.0
    """Probability that this is a hand, in [0, 1]."""
    right_probability: float = math.nan
    """Probability that it is a right hand (image not mirrored); NaN: unknown."""
    angle: float = math.nan
    """Of wrist -> knuckles in the sense of `Region.angle`; NaN: unknown."""
    placed: Region | None = None
    """Where the detector itself places the region, if it does."""

    def __post_init__(self) -> None:
        x, y, w, h = self.box
        if not all(math.isfinite(v) for v in (x, y, w, h)) or w <= 0 or h <= 0:
            raise ValueError(
                f"a box must be (x, y, w, h), finite and with sizes above 0, got {self.box}"
            )

    def region(self) -> Region:
        """Return the region for the pose network, placed as `Region.from_keypoints` would.

        Without an angle of its own the hand is taken to point up.
        """
        if self.placed is not None:
            return self.placed
        return Region.from_box(self.box, self.angle if math.isfinite(self.angle) else 0.0)


class HandDetector(Protocol):
    """What the estimator asks of a detector."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find hands in an (H, W, 3) uint8 RGB image."""
        ...


def detections_from_boxes(
    boxes: Iterable[Sequence[float]],
    scores: Sequence[float] | None = None,
    right_probabilities: Sequence[float] | None = None,
) -> list[Detection]:
    """Make detections of given (x, y, w, h) boxes, in their order; the direction is unknown.

    Raises ValueError for a box that is not four finite numbers with a positive size, and where the
    scores are not as many as the boxes or not in [0, 1].
    """
    rows = [tuple(float(v) for v in box) for box in boxes]
    for row in rows:
        if len(row) != 4:
            raise ValueError(f"a box must be (x, y, width, height), got {row}")
    columns = []
    for name, values, unknown in (
        ("scores", scores, 1.0),
        ("right_probabilities", right_probabilities, math.nan),
    ):
        column = [unknown] * len(rows) if values is None else [float(v) for v in values]
        if len(column) != len(rows):
            raise ValueError(f"{len(rows)} boxes, but {len(column)} {name}")
        if any(v < 0 or v > 1 for v in column):
            raise ValueError(f"{name} must lie in [0, 1], got {column}")
        columns.append(column)
    return [
        Detection((x, y, w, h), score, right)
        for (x, y, w, h), score, right in zip(rows, *columns, strict=True)
    ]


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of (A, 4) and (B, 4) boxes x, y, w, h: (A, B)."""
    a, b = np.asarray(a, np.float64).reshape(-1, 4), np.asarray(b, np.float64).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    areas = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None]
    result: np.ndarray = common / np.maximum(areas - common, 1e-12)
    return result

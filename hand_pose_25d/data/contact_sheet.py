"""A picture of samples with their annotations, to check a dataset by eye."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from hand_pose_25d.data.sample import Sample
from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS

TILE = 240
MARGIN = 1.6
"""A tile's side over that of the annotated keypoints' box."""


def tile(sample: Sample, side: int = TILE) -> np.ndarray:
    """Return a (side, side, 3) cut-out around the hand with bones, points, handedness and name.

    Points that are known to be hidden are rings; unannotated ones are left out.
    """
    x, y, w, h = sample.tight_box()
    extent = max(w, h, 8.0) * MARGIN
    factor = side / extent
    shift = np.array([x + w / 2, y + h / 2]) - extent / 2
    matrix = np.array([[factor, 0, -factor * shift[0]], [0, factor, -factor * shift[1]]])
    image = cv2.warpAffine(sample.image, matrix, (side, side), flags=cv2.INTER_LINEAR)
    known = np.isfinite(sample.uv).all(-1)
    points = np.where(known[:, None], (sample.uv - shift) * factor, 0).round().astype(int)
    for (a, b), color in zip(BONES, KEYPOINT_COLORS[1:], strict=True):
        if known[a] and known[b]:
            cv2.line(image, points[a].tolist(), points[b].tolist(), color.tolist(), 2, cv2.LINE_AA)
    for index in np.flatnonzero(known):
        hidden = sample.visibility[index] == 0
        color = KEYPOINT_COLORS[index].tolist()
        cv2.circle(image, points[index].tolist(), 4, color, 1 if hidden else -1, cv2.LINE_AA)
    side_name = {True: "right", False: "left", None: "?"}[sample.is_right]
    depth = sample.xyz[:, 2][np.isfinite(sample.xyz[:, 2])]
    text = f"{sample.name} {side_name}" + (f" {depth.mean():.2f} m" if len(depth) else "")
    for color, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, width, cv2.LINE_AA)
    return image


def contact_sheet(samples: Sequence[Sample], columns: int = 4, side: int = TILE) -> np.ndarray:
    """Return the samples' tiles in rows, (rows side, columns side, 3) uint8 RGB."""
    rows = -(-len(samples) // columns)
    sheet = np.full((rows * side, columns * side, 3), 40, np.uint8)
    for index, sample in enumerate(samples):
        top, left = index // columns * side, index % columns * side
        sheet[top : top + side, left : left + side] = tile(sample, side)
    return sheet

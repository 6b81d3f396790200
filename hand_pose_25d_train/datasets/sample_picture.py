"""A picture of a sample with its annotations, to check a dataset by eye."""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_25d.skeleton import KEYPOINT_COLORS
from hand_pose_25d_train.datasets.sample import Sample
from hand_pose_25d_train.pictures import draw_bones

_SIDE = 240
_MARGIN = 1.6
"""The picture's side over that of the annotated keypoints' box."""


def sample_picture(sample: Sample, side: int = _SIDE) -> np.ndarray:
    """Return a (side, side, 3) cut-out around the hand with its bones and keypoints.

    Points that are known to be hidden are rings; unannotated ones are left out.
    """
    x, y, w, h = sample.tight_box()
    extent = max(w, h, 8.0) * _MARGIN
    factor = side / extent
    shift = np.array([x + w / 2, y + h / 2]) - extent / 2
    matrix = np.array([[factor, 0, -factor * shift[0]], [0, factor, -factor * shift[1]]])
    image = cv2.warpAffine(sample.image, matrix, (side, side), flags=cv2.INTER_LINEAR)
    known = np.isfinite(sample.uv).all(-1)
    uv = (sample.uv - shift) * factor
    draw_bones(image, uv)
    points = np.where(known[:, None], uv, 0).round().astype(int)
    for index in np.flatnonzero(known):
        hidden = sample.visibility[index] == 0
        color = KEYPOINT_COLORS[index].tolist()
        cv2.circle(image, points[index].tolist(), 4, color, 1 if hidden else -1, cv2.LINE_AA)
    return image


def sample_caption(sample: Sample) -> str:
    """Return the sample's name, its handedness and its mean distance."""
    handedness = {True: "right", False: "left", None: "handedness unknown"}[sample.is_right]
    depth = sample.xyz[:, 2][np.isfinite(sample.xyz[:, 2])]
    return f"{sample.name} {handedness}" + (f" {depth.mean():.2f} m" if len(depth) else "")

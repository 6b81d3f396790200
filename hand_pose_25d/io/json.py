"""Hands and cameras as JSON's types."""

from __future__ import annotations

from typing import Any

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose


def hand_to_dict(hand: HandPose) -> dict[str, Any]:
    """Return a hand as JSON's types; unknown numbers become null.  Metres and pixels."""
    return {
        "track_id": hand.track_id,
        "state": hand.state,
        "handedness": hand.handedness,
        "handedness_score": _number(hand.handedness_score, 4),
        "score": _number(hand.score, 4),
        "box": [_number(v, 2) for v in hand.box],
        "keypoints": _rows(hand.keypoints, 5),
        "keypoints_2d": _rows(hand.keypoints_2d, 2),
        "relative_depth": _rows(hand.relative_depth, 4),
        "confidence": _rows(hand.confidence, 3),
        "deviation": _rows(np.sqrt(np.diagonal(hand.covariance, axis1=1, axis2=2)), 5),
        "scale": _number(hand.scale, 5),
        "scale_source": hand.scale_source,
    }


def camera_to_dict(camera: Camera) -> dict[str, Any]:
    """Return a camera as JSON's types."""
    return {
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "width": camera.width,
        "height": camera.height,
        "distortion": list(camera.distortion),
        "model": camera.model,
    }


def _rows(values: np.ndarray, digits: int) -> list[Any]:
    if values.ndim == 1:
        return [_number(float(v), digits) for v in values]
    return [_rows(row, digits) for row in values]


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None

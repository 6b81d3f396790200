"""Cameras as JSON's types, and hands back from them; hands have `HandPose.to_dict`."""

from __future__ import annotations

from typing import Any

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose


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


def hand_from_dict(values: dict[str, Any]) -> HandPose:
    """Return the hand of a dictionary by `HandPose.to_dict`, with its rounded numbers.

    Of the covariances it has the diagonals alone.
    """
    deviation = _array(values["deviation"])
    return HandPose(
        keypoints=_array(values["keypoints"]),
        covariance=deviation[:, :, None] ** 2 * np.eye(3),
        keypoints_2d=_array(values["keypoints_2d"]),
        relative_depth=_array(values["relative_depth"]),
        confidence=_array(values["confidence"]),
        handedness=values["handedness"],
        handedness_score=_number(values["handedness_score"]),
        score=_number(values["score"]),
        box=tuple(map(_number, values["box"])),  # type: ignore[arg-type]
        scale=_number(values["scale"]),
        scale_source=values["scale_source"],
        track_id=values["track_id"],
        state=values["state"],
    )


def _array(values: Any) -> np.ndarray:
    return np.array(values, dtype=np.float64)  # None becomes NaN


def _number(value: float | None) -> float:
    return float("nan") if value is None else value

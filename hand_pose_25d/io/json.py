"""Cameras as JSON's types; hands have `HandPose.to_dict`."""

from __future__ import annotations

from typing import Any

from hand_pose_25d.geometry.camera import Camera


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

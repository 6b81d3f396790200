"""Absolute 3D hand pose from one calibrated RGB camera.

The names below are imported when they are first asked for: in a ROS 2 workspace this package also
holds the generated messages (`hand_pose_25d.msg`), and a program that only reads messages should
load neither torch nor OpenCV.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hand_pose_25d.estimator import HandPoseEstimator
    from hand_pose_25d.frame import Frame
    from hand_pose_25d.geometry.camera import Camera
    from hand_pose_25d.geometry.gestures import HandGesture
    from hand_pose_25d.geometry.roi import Region
    from hand_pose_25d.hand_pose import HandPose
    from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
    from hand_pose_25d.settings import EstimatorSettings
    from hand_pose_25d.skeleton import BONES, KEYPOINT_NAMES
    from hand_pose_25d.visualization.draw_2d import draw_hands

__version__ = "0.2.0"

__all__ = [
    "BONES",
    "KEYPOINT_NAMES",
    "BoneLengthPrior",
    "Camera",
    "EstimatorSettings",
    "Frame",
    "HandGesture",
    "HandPose",
    "HandPoseEstimator",
    "Region",
    "draw_hands",
]

_MODULES = {
    "BONES": "skeleton",
    "KEYPOINT_NAMES": "skeleton",
    "BoneLengthPrior": "reconstruction.bone_length_prior",
    "Camera": "geometry.camera",
    "EstimatorSettings": "settings",
    "Frame": "frame",
    "HandGesture": "geometry.gestures",
    "HandPose": "hand_pose",
    "HandPoseEstimator": "estimator",
    "Region": "geometry.roi",
    "draw_hands": "visualization.draw_2d",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

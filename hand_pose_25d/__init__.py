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
    from hand_pose_25d.geometry.camera import Camera
    from hand_pose_25d.geometry.roi import Region
    from hand_pose_25d.hand_pose import HandPose
    from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior

__version__ = "0.2.0"

__all__ = ["BoneLengthPrior", "Camera", "HandPose", "HandPoseEstimator", "Region"]

_MODULES = {
    "BoneLengthPrior": "reconstruction.bone_length_prior",
    "Camera": "geometry.camera",
    "HandPose": "hand_pose",
    "HandPoseEstimator": "estimator",
    "Region": "geometry.roi",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

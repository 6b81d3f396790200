"""One frame for raw and rectified images: the rectified one, as image_geometry has it.

CameraInfo's R rotates a raw image's optical frame into the rectified one, in which P projects.
image_geometry, and with it all of image_pipeline, gives rays and points of raw images in the
rectified frame; so do the node and `process`, so that both images of one camera show a hand in one
place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hand_pose_25d.geometry.vectors import carried_jointly
from hand_pose_25d.hand_pose import HandPose

_ROUNDING = 1e-3  # of a rotation matrix that went through a YAML file


def rectification(
    r: Any, rectified: bool, complain: Callable[[str, str], object] = lambda *_: None
) -> np.ndarray | None:
    """Return the rotation (3, 3) from an image's frame into the rectified one; None for none.

    `r`: nine numbers, R of sensor_msgs/CameraInfo.  Rectified images have none.  Zeros mean that
    it is not set; what is no rotation is not used, and `complain` called with kind and text.
    """
    rotation = np.array(r, dtype=np.float64).reshape(3, 3)
    if rectified or not rotation.any() or np.array_equal(rotation, np.eye(3)):
        return None
    off = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if not off < _ROUNDING or np.linalg.det(rotation) < 0:
        complain("camera rotation", "R of CameraInfo is no rotation, and is not used")
        return None
    u, _, v = np.linalg.svd(rotation)
    exact: np.ndarray = u @ v
    return exact


def rotated(hands: Sequence[HandPose], rotation: np.ndarray | None) -> list[HandPose]:
    """Return the hands in the rectified frame; pixels and relative depths stay as they are."""
    if rotation is None:
        return list(hands)
    return [
        replace(
            hand,
            keypoints=hand.keypoints @ rotation.T,
            covariance=rotation @ hand.covariance @ rotation.T,
            palm_covariance=_turned(hand.palm_covariance, rotation),
            joint_covariance=_turned(hand.joint_covariance, rotation),
            wrist_velocity=rotation @ hand.wrist_velocity,
        )
        for hand in hands
    ]


def _turned(covariance: np.ndarray | None, rotation: np.ndarray) -> np.ndarray | None:
    return None if covariance is None else carried_jointly(covariance, rotation[None])

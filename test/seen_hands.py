"""Hands as the estimator answers them, for tests that need no image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hand_pose_25d import Camera, HandPose

CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)


def hand_pose(keypoints: np.ndarray, **changes) -> HandPose:
    pixels = CAMERA.project(keypoints)
    low, size = pixels.min(0), np.ptp(pixels, axis=0)
    hand = HandPose(
        keypoints=keypoints,
        covariance=np.tile(np.eye(3) * 1e-4, (21, 1, 1)),
        keypoints_2d=pixels,
        relative_depth=np.zeros(21),
        confidence=np.ones(21),
        handedness="right",
        handedness_score=0.9,
        score=0.97,
        box=(float(low[0]), float(low[1]), float(size[0]), float(size[1])),
        scale=0.09,
    )
    return replace(hand, **changes)

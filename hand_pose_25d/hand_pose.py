"""HandPose: the estimator's answer for one hand in one image."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from hand_pose_25d.geometry.gestures import HandGesture, hand_gesture, independent_joint
from hand_pose_25d.geometry.wrist_frame import WristPose, independent, wrist_pose
from hand_pose_25d.handedness import Handedness

ScaleSource = Literal["prior", "configured", "calibrated", "depth"]
TrackState = Literal["detected", "tracked", "lost"]


@dataclass(eq=False)
class HandPose:
    """One hand.  Metres and the camera's optical frame (REP-103); unknown values are NaN.

    Two answers are equal only if they are the same object, so that `hand in hands` works.
    """

    keypoints: np.ndarray
    """(21, 3) float64, metres, camera optical frame."""
    covariance: np.ndarray
    """(21, 3, 3) float64, square metres, of each keypoint's position."""
    keypoints_2d: np.ndarray
    """(21, 2) float64, pixels of the given image (distorted, if the image is)."""
    relative_depth: np.ndarray
    """(21,) float64, depth relative to the wrist in units of the bone wrist - index MCP, along the
    axis of the virtual camera that faces the hand: the network's 2.5D pose."""
    confidence: np.ndarray
    """(21,) float64 in [0, 1]."""
    handedness: Handedness
    """Anatomical, of an image that is not mirrored."""
    handedness_score: float
    """Probability of the handedness given, in [0.5, 1]."""
    score: float
    """Probability that this is a hand, in [0, 1]."""
    box: tuple[float, float, float, float]
    """(x, y, w, h) in pixels, around the keypoints."""
    scale: float
    """Metres per normalised unit: the length of the bone wrist - index MCP."""
    scale_source: ScaleSource = "prior"
    """Where the metres come from: the population's hand sizes, the person's own as it was given or
    measured, or, where that is not known, a depth image as well as the population."""
    palm_covariance: np.ndarray | None = None
    """(12, 12) float64, square metres: of the positions of the wrist and of the index, middle and
    little finger's MCP, together.  None: not known, and their errors are taken as independent."""
    joint_covariance: np.ndarray | None = None
    """(63, 63) float64, square metres: of x, y, z of keypoint 0, then of 1, ..., jointly.  None: not
    known."""
    depth_keypoints: int = 0
    """How many keypoints' depth counted, as a depth image has it; 0 without one, or where it does
    not fit the hand."""
    wrist_velocity: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    """(3,) float64, m/s, camera optical frame, of the wrist; NaN where it is not known: in single
    images, and in a track's first."""
    pose_score: float = math.nan
    """Probability that the pose is right, in [0, 1]: that the keypoints are off by less than 15 %
    of the hand's box in the mean.  NaN: not known."""
    track_id: int = 0
    """Unique while the tracker lives, from 1 on; 0 for a hand that is not tracked."""
    state: TrackState = "detected"

    @property
    def wrist_pose(self) -> WristPose:
        """The wrist's frame: x to the middle finger's MCP, z out of the back of the hand.

        The covariance, of position and rotation, follows from `palm_covariance`.  All of it is NaN
        where the keypoints are.

            x, y, z, w = hand.wrist_pose.quaternion
            grasp = hand.wrist_pose.position + hand.wrist_pose.rotation @ (0.1, 0.0, 0.0)
        """
        palm = self.palm_covariance
        if palm is None:
            palm = independent(self.covariance)
        return wrist_pose(self.keypoints, palm, self.handedness == "right")

    @property
    def gesture(self) -> HandGesture:
        """Pinch distance, closure and finger angles, each with its standard deviation.

        The deviations follow from `joint_covariance`; without it errors count as independent.

            close = hand.gesture.pinch_distance < 0.02 and hand.gesture.pinch_distance_sigma < 0.01
        """
        joint = self.joint_covariance
        if joint is None:
            joint = independent_joint(self.covariance)
        return hand_gesture(self.keypoints, joint, self.handedness == "right")

    def to_dict(self) -> dict[str, Any]:
        """Return the hand as JSON's types: metres and pixels, rounded; unknown numbers are None.

        Instead of the covariances there are their diagonals' square roots, "deviation" in metres.

            json.dumps([hand.to_dict() for hand in hands], allow_nan=False)
        """
        deviation = np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))
        return {
            "track_id": self.track_id,
            "state": self.state,
            "handedness": self.handedness,
            "handedness_score": _number(self.handedness_score, 4),
            "score": _number(self.score, 4),
            "pose_score": _number(self.pose_score, 4),
            "box": [_number(v, 2) for v in self.box],
            "keypoints": _rows(self.keypoints, 5),
            "keypoints_2d": _rows(self.keypoints_2d, 2),
            "relative_depth": _rows(self.relative_depth, 4),
            "confidence": _rows(self.confidence, 3),
            "deviation": _rows(deviation, 5),
            "scale": _number(self.scale, 5),
            "scale_source": self.scale_source,
            "wrist_velocity": _rows(self.wrist_velocity, 4),
        }


def measured_source(source: ScaleSource, depth_keypoints: int) -> ScaleSource:
    """Return a hand's `scale_source`, of its size's and of how many depths counted."""
    return "depth" if source == "prior" and depth_keypoints else source


def _rows(values: np.ndarray, digits: int) -> list[Any]:
    if values.ndim == 1:
        return [_number(float(v), digits) for v in values]
    return [_rows(row, digits) for row in values]


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None

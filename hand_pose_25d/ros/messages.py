"""HandPose <-> its message, and stamps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, PoseWithCovariance, Vector3
from sensor_msgs.msg import RegionOfInterest

from hand_pose_25d.geometry.boxes import box_around
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.msg import HandPose as HandPoseMsg
from hand_pose_25d.msg import HandPoseArray

HANDEDNESS = {"left": HandPoseMsg.LEFT, "right": HandPoseMsg.RIGHT}
STATES = {
    "detected": HandPoseMsg.STATE_DETECTED,
    "tracked": HandPoseMsg.STATE_TRACKED,
    "lost": HandPoseMsg.STATE_LOST,
}
SCALE_SOURCES = {
    "prior": HandPoseMsg.SCALE_PRIOR,
    "configured": HandPoseMsg.SCALE_CONFIGURED,
    "calibrated": HandPoseMsg.SCALE_CALIBRATED,
    "depth": HandPoseMsg.SCALE_DEPTH,
}


def seconds(stamp: Any) -> float:
    """Return a builtin_interfaces/Time as seconds."""
    return stamp.sec + stamp.nanosec * 1e-9


def hands_to_message(
    hands: Sequence[HandPose], header: Any, width: int, height: int
) -> HandPoseArray:
    """Make the message of all hands of one image; `header` is passed on as it is."""
    return HandPoseArray(
        header=header, hands=[hand_to_message(hand, header, width, height) for hand in hands]
    )


def hand_to_message(hand: HandPose, header: Any, width: int, height: int) -> HandPoseMsg:
    """Make the message of one hand in an image of this size."""
    known = math.isfinite(hand.handedness_score)
    return HandPoseMsg(
        header=header,
        track_id=hand.track_id,
        handedness=HANDEDNESS[hand.handedness] if known else HandPoseMsg.UNKNOWN,
        handedness_score=float(hand.handedness_score),
        score=float(hand.score),
        pose_score=float(hand.pose_score),
        tracking_state=STATES.get(hand.state, HandPoseMsg.STATE_UNKNOWN),
        keypoints=[Point(x=x, y=y, z=z) for x, y, z in hand.keypoints.tolist()],
        covariance=np.asarray(hand.covariance, dtype=np.float32).ravel(),
        keypoints_2d=np.asarray(hand.keypoints_2d, dtype=np.float32).ravel(),
        confidence=np.asarray(hand.confidence, dtype=np.float32),
        relative_depth=np.asarray(hand.relative_depth, dtype=np.float32),
        scale=float(hand.scale),
        scale_source=SCALE_SOURCES.get(hand.scale_source, HandPoseMsg.SCALE_UNKNOWN),
        wrist_pose=_wrist_pose(hand),
        wrist_velocity=Vector3(**dict(zip("xyz", hand.wrist_velocity.tolist(), strict=True))),
        roi=_roi(hand, width, height),
    )


def hand_from_message(message: Any) -> HandPose:
    """Make a HandPose of a message (float32 where the message has it)."""
    names = ("detected", "tracked", "lost")
    states = {STATES[name]: name for name in names}
    sources = {value: name for name, value in SCALE_SOURCES.items()}
    points = np.array([[p.x, p.y, p.z] for p in message.keypoints], dtype=np.float64)
    pixels = np.array(message.keypoints_2d, dtype=np.float64).reshape(21, 2)
    velocity = message.wrist_velocity
    return HandPose(
        keypoints=points,
        covariance=np.array(message.covariance, dtype=np.float64).reshape(21, 3, 3),
        keypoints_2d=pixels,
        relative_depth=np.array(message.relative_depth, dtype=np.float64),
        confidence=np.array(message.confidence, dtype=np.float64),
        handedness="left" if message.handedness == HandPoseMsg.LEFT else "right",
        handedness_score=message.handedness_score,
        score=message.score,
        pose_score=message.pose_score,
        box=box_around(pixels),
        scale=message.scale,
        scale_source=sources.get(message.scale_source, "prior"),  # type: ignore[arg-type]
        wrist_velocity=np.array([velocity.x, velocity.y, velocity.z]),
        track_id=message.track_id,
        state=states.get(message.tracking_state, "detected"),  # type: ignore[arg-type]
    )


def _wrist_pose(hand: HandPose) -> PoseWithCovariance:
    pose, message = hand.wrist_pose, PoseWithCovariance()
    position = message.pose.position
    position.x, position.y, position.z = pose.position.tolist()
    orientation = message.pose.orientation
    orientation.x, orientation.y, orientation.z, orientation.w = pose.quaternion
    message.covariance = pose.covariance.ravel()
    return message


def _roi(hand: HandPose, width: int, height: int) -> RegionOfInterest:
    points = hand.keypoints_2d[np.isfinite(hand.keypoints_2d).all(-1)]
    if not len(points):
        return RegionOfInterest()
    # A pixel covers half a pixel on each side of its whole-numbered centre.
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    left, right = (_whole(v, width) for v in (left + 0.5, right + 1.5))
    top, bottom = (_whole(v, height) for v in (top + 0.5, bottom + 1.5))
    if right <= left or bottom <= top:
        return RegionOfInterest()
    return RegionOfInterest(
        x_offset=left, y_offset=top, width=right - left, height=bottom - top, do_rectify=False
    )


def _whole(value: float, limit: int) -> int:
    """Return the whole number not above a value, from 0 to `limit`."""
    return min(max(math.floor(value), 0), limit)

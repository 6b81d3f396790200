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


def handedness_code(hand: HandPose) -> int:
    """Return a hand's `handedness` in its message: UNKNOWN without a score."""
    known = math.isfinite(hand.handedness_score)
    return int(HANDEDNESS[hand.handedness] if known else HandPoseMsg.UNKNOWN)


def state_code(hand: HandPose) -> int:
    """Return a hand's `tracking_state` in its message."""
    return int(STATES.get(hand.state, HandPoseMsg.STATE_UNKNOWN))


def scale_source_code(hand: HandPose) -> int:
    """Return a hand's `scale_source` in its message."""
    return int(SCALE_SOURCES.get(hand.scale_source, HandPoseMsg.SCALE_UNKNOWN))


def roi_around(pixels: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height (px) of the box around (K, 2) px, within an image.

    Points that are not finite do not count; all is 0 where nothing lies in the image.
    """
    known = [
        (u, v) for u, v in np.asarray(pixels, dtype=np.float64).tolist()
        if math.isfinite(u) and math.isfinite(v)
    ]  # fmt: skip
    if not known:
        return 0, 0, 0, 0
    # A pixel covers half a pixel on each side of its whole-numbered centre.
    us, vs = zip(*known, strict=True)
    left, right = _whole(min(us) + 0.5, width), _whole(max(us) + 1.5, width)
    top, bottom = _whole(min(vs) + 0.5, height), _whole(max(vs) + 1.5, height)
    if right <= left or bottom <= top:
        return 0, 0, 0, 0
    return left, top, right - left, bottom - top


def hands_to_message(
    hands: Sequence[HandPose], header: Any, width: int, height: int
) -> HandPoseArray:
    """Make the message of all hands of one image; `header` is passed on as it is."""
    return HandPoseArray(
        header=header, hands=[hand_to_message(hand, header, width, height) for hand in hands]
    )


def hand_to_message(hand: HandPose, header: Any, width: int, height: int) -> HandPoseMsg:
    """Make the message of one hand in an image of this size."""
    left, top, roi_width, roi_height = roi_around(hand.keypoints_2d, width, height)
    return HandPoseMsg(
        header=header,
        track_id=hand.track_id,
        handedness=handedness_code(hand),
        handedness_score=float(hand.handedness_score),
        score=float(hand.score),
        pose_score=float(hand.pose_score),
        tracking_state=state_code(hand),
        keypoints=[Point(x=x, y=y, z=z) for x, y, z in hand.keypoints.tolist()],
        covariance=np.asarray(hand.covariance, dtype=np.float32).ravel(),
        keypoints_2d=np.asarray(hand.keypoints_2d, dtype=np.float32).ravel(),
        confidence=np.asarray(hand.confidence, dtype=np.float32),
        relative_depth=np.asarray(hand.relative_depth, dtype=np.float32),
        scale=float(hand.scale),
        scale_source=scale_source_code(hand),
        wrist_pose=_wrist_pose(hand),
        wrist_velocity=Vector3(**dict(zip("xyz", hand.wrist_velocity.tolist(), strict=True))),
        roi=RegionOfInterest(
            x_offset=left, y_offset=top, width=roi_width, height=roi_height, do_rectify=False
        ),
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


def _whole(value: float, limit: int) -> int:
    """Return the whole number not above a value, from 0 to `limit`."""
    return min(max(math.floor(value), 0), limit)

"""Hands -> the bytes of their message, without the message between.

These bytes are what rclpy publishes, too; it makes them of a message number by number, numpy of
whole arrays.  The encoding is plain CDR version 1 (OMG DDS-XTypes), in which a number lies at a
multiple of its size, counted from behind the first four bytes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message, serialize_message

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.msg import HandPoseArray
from hand_pose_25d.ros.messages import (
    handedness_code,
    hands_to_message,
    roi_around,
    scale_source_code,
    state_code,
)

_ENCAPSULATION = bytes([0, sys.byteorder == "little", 0, 0])
_LENGTH = struct.Struct("=I")
_STAMP = struct.Struct("=iII")  # and the length of frame_id
_FIRST = struct.Struct("=IBxxxfffB")  # track_id to tracking_state
_SCALE = struct.Struct("=fB")
_ROI = struct.Struct("=IIIIB")


def hands_to_bytes(hands: Sequence[HandPose], header: Any, width: int, height: int) -> bytes:
    """Return the serialized message that `hands_to_message` makes of the same."""
    name = header.frame_id.encode() + b"\0"
    head = _STAMP.pack(header.stamp.sec, header.stamp.nanosec, len(name)) + name
    body = bytearray(head)
    _align(body, 4)
    body += _LENGTH.pack(len(hands))
    for hand in hands:
        _align(body, 4)
        body += head
        _append(body, hand, width, height)
    return _ENCAPSULATION + body


def is_understood(hands: Sequence[HandPose], header: Any, width: int, height: int) -> bool:
    """Tell whether the middleware in use reads these bytes as the message that they stand for."""
    message = hands_to_message(hands, header, width, height)
    expected = deserialize_message(serialize_message(message), HandPoseArray)
    try:
        read = deserialize_message(hands_to_bytes(hands, header, width, height), HandPoseArray)
    except Exception:  # each middleware has its own
        return False
    return repr(read) == repr(expected)  # NaN is not equal to NaN


def _append(body: bytearray, hand: HandPose, width: int, height: int) -> None:
    """Append what a HandPose.msg has behind its header."""
    _align(body, 4)
    body += _FIRST.pack(
        hand.track_id, handedness_code(hand), hand.handedness_score, hand.score, hand.pose_score,
        state_code(hand),
    )  # fmt: skip
    _align(body, 8)
    body += np.asarray(hand.keypoints, dtype=np.float64).tobytes()
    singles = (hand.covariance, hand.keypoints_2d, hand.confidence, hand.relative_depth)
    body += np.concatenate(singles, axis=None, dtype=np.float32).tobytes()
    body += _SCALE.pack(hand.scale, scale_source_code(hand))
    _align(body, 8)
    pose = hand.wrist_pose
    doubles = (pose.position, pose.quaternion, pose.covariance, hand.wrist_velocity)
    body += np.concatenate(doubles, axis=None, dtype=np.float64).tobytes()
    left, top, roi_width, roi_height = roi_around(hand.keypoints_2d, width, height)
    body += _ROI.pack(left, top, roi_height, roi_width, False)


def _align(body: bytearray, size: int) -> None:
    body += bytes(-len(body) % size)

"""Gestures of hands -> their message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.msg import HandGesture as HandGestureMsg
from hand_pose_25d.msg import HandGestureArray
from hand_pose_25d.ros.messages import handedness_code


def gestures_to_message(hands: Sequence[HandPose], header: Any) -> HandGestureArray:
    """Make the message of one image's hands, without those that are lost."""
    seen = [hand for hand in hands if hand.state != "lost"]
    return HandGestureArray(header=header, hands=[_message(hand, header) for hand in seen])


def _message(hand: HandPose, header: Any) -> HandGestureMsg:
    gesture = hand.gesture
    return HandGestureMsg(
        header=header,
        track_id=hand.track_id,
        handedness=handedness_code(hand),
        pinch_distance=gesture.pinch_distance,
        pinch_distance_sigma=gesture.pinch_distance_sigma,
        closure=gesture.closure,
        closure_sigma=gesture.closure_sigma,
        finger_angles=np.asarray(gesture.finger_angles, dtype=np.float32).ravel(),
        finger_angles_sigma=np.asarray(gesture.finger_angles_sigma, dtype=np.float32).ravel(),
    )

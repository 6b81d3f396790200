"""The wrists' frames for tf: what tf2_ros.TransformBroadcaster sends, without it.

A broadcaster is a publisher of tf2_msgs/TFMessage on /tf; the messages are all that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3

from hand_pose_25d.hand_pose import HandPose

TOPIC = "/tf"


def tf_message_type() -> Any:
    """Return the class of the messages on /tf; ValueError where tf2_msgs is not installed."""
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        raise ValueError(
            "publish_tf needs tf2_msgs, which is not installed (ros-<distro>-tf2-msgs)"
        ) from error
    return TFMessage


def frame_name(prefix: str, track_id: int) -> str:
    """Return the name of a hand's frame.

    >>> frame_name("head_", 3)
    'head_hand_3_wrist'
    """
    return f"{prefix}hand_{track_id}_wrist"


def wrist_transforms(
    hands: Sequence[HandPose], header: Any, prefix: str
) -> list[TransformStamped]:
    """Return the wrists' frames in that of the camera; hands without a pose have none."""
    transforms = []
    for hand in hands:
        pose = hand.wrist_pose
        if hand.state == "lost" or not np.isfinite(pose.rotation).all():
            continue
        x, y, z = pose.position.tolist()
        a, b, c, w = pose.quaternion
        transform = Transform(
            translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=a, y=b, z=c, w=w)
        )
        child = frame_name(prefix, hand.track_id)
        transforms.append(
            TransformStamped(header=header, child_frame_id=child, transform=transform)
        )
    return transforms

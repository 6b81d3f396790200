#!/usr/bin/env python3
"""Print how far apart thumb and index fingertip are, and where the wrist is.

python3 examples/pinch.py --ros-args -r hands:=/hands
"""

import math

import rclpy
from hand_pose_25d.msg import HandPose, HandPoseArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

SIDES = {HandPose.LEFT: "left", HandPose.RIGHT: "right"}


class Pinch(Node):
    def __init__(self):
        super().__init__("pinch")
        self.create_subscription(HandPoseArray, "hands", self.on_hands, 5)

    def on_hands(self, message):
        for hand in message.hands:
            if hand.tracking_state == HandPose.STATE_LOST:
                continue  # its keypoints are NaN
            thumb, index = hand.keypoints[HandPose.THUMB_TIP], hand.keypoints[HandPose.INDEX_TIP]
            pinch = math.dist((thumb.x, thumb.y, thumb.z), (index.x, index.y, index.z))
            wrist = hand.wrist_pose.pose.position
            name = f"{SIDES.get(hand.handedness, 'unknown')} hand {hand.track_id}"
            place = f"x {wrist.x:+.3f}  y {wrist.y:+.3f}  z {wrist.z:.3f} m"
            print(f"{name}: pinch {1000 * pinch:3.0f} mm, wrist {place}", flush=True)


if __name__ == "__main__":
    rclpy.init()
    try:
        rclpy.spin(Pinch())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass

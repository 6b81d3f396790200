#!/usr/bin/env python3
"""Move a robot hand as the person's: feeds dex-retargeting from `hands`, publishes joint angles.

    pip install "dex-retargeting<0.5"        # the last that takes the NumPy 1 of ROS 2
    python3 examples/retarget_hand.py --ros-args -p urdf_dir:=/path/to/dex-urdf/robots/hands \\
        -p robot:=allegro -p side:=right -p type:=vector

The robots' URDF files are in the repository dexsuite/dex-urdf.  `type` is vector, dexpilot or
position; see that project for what they mean.
"""

import sys
from pathlib import Path

import numpy as np
import rclpy
from hand_pose_25d.msg import HandPose, HandPoseArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import JointState

SIDES = {"left": HandPose.LEFT, "right": HandPose.RIGHT}


def mano_keypoints(hand: HandPose) -> np.ndarray:
    """Return the keypoints (21, 3) in metres as dex-retargeting wants them.

    Its origin is the wrist, its axes are MANO's: x out of the palm, y to the thumb's side of a
    right hand (the little finger's of a left one), z the way the fingers point.  The wrist frame
    of HandPose.msg has the same directions in another order: x fingers, y the same, z out of the
    back.
    """
    points = np.array([[p.x, p.y, p.z] for p in hand.keypoints])
    q = hand.wrist_pose.pose.orientation
    x, y, z = ((points - points[0]) @ rotation(q.x, q.y, q.z, q.w)).T
    return np.stack([-z, y, x], axis=1)


def rotation(x: float, y: float, z: float, w: float) -> np.ndarray:
    """Return the matrix of a unit quaternion; its columns are the wrist frame's axes."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def reference(optimizer, points: np.ndarray) -> np.ndarray:
    """Return what an optimizer is to reach: positions, or vectors between keypoints."""
    indices = optimizer.target_link_human_indices
    if optimizer.retargeting_type == "POSITION":
        return points[indices]
    origins, tasks = indices
    return points[tasks] - points[origins]


class Retargeting(Node):
    def __init__(self):
        super().__init__("dex_retargeting")
        option = {
            name: str(self.declare_parameter(name, default).value)
            for name, default in (
                ("robot", "allegro"), ("side", "right"), ("type", "vector"), ("urdf_dir", ""),
                ("config", ""),
            )
        }  # fmt: skip
        self.side = SIDES[option["side"]]
        self.retargeting = build(option)
        self.publisher = self.create_publisher(JointState, "robot_hand/joint_states", 5)
        self.create_subscription(HandPoseArray, "hands", self.on_hands, 5)
        self.get_logger().info(f"joints: {', '.join(self.retargeting.joint_names)}")

    def on_hands(self, message):
        for hand in message.hands:
            if hand.handedness != self.side or hand.tracking_state == HandPose.STATE_LOST:
                continue
            points = mano_keypoints(hand)
            if not np.isfinite(points).all():
                continue
            angles = self.retargeting.retarget(reference(self.retargeting.optimizer, points))
            names = list(self.retargeting.joint_names)
            self.publisher.publish(
                JointState(header=message.header, name=names, position=angles.tolist())
            )
            return  # one robot hand follows one hand: the longest tracked


def build(option):
    """Load the robot by name, or from a configuration file of dex-retargeting."""
    from dex_retargeting.constants import (
        HandType,
        RetargetingType,
        RobotName,
        get_default_config_path,
    )
    from dex_retargeting.retargeting_config import RetargetingConfig

    path = option["config"] or get_default_config_path(
        RobotName[option["robot"]], RetargetingType[option["type"]], HandType[option["side"]]
    )
    RetargetingConfig.set_default_urdf_dir(str(Path(option["urdf_dir"]).expanduser()))
    return RetargetingConfig.load_from_file(path).build()


if __name__ == "__main__":
    rclpy.init()
    try:
        rclpy.spin(Retargeting())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except ImportError as error:
        sys.exit(f'{error}: pip install "dex-retargeting<0.5"')

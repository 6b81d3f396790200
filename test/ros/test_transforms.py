"""The wrists' frames on /tf, by themselves and from a real node over real topics."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import EXECUTABLE, Client, Process, rgb8, stamp_of, until
from dot_hands import make_hand
from seen_hands import hand_pose
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from hand_pose_25d.ros.transforms import frame_name, wrist_transforms

INSTALLED = importlib.util.find_spec("tf2_msgs") is not None
LISTENER = """
import json, rclpy
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

def show(message):
    for one in message.transforms:
        t, r = one.transform.translation, one.transform.rotation
        stamp = [one.header.stamp.sec, one.header.stamp.nanosec]
        print(json.dumps([one.header.frame_id, stamp, one.child_frame_id,
                          [t.x, t.y, t.z], [r.x, r.y, r.z, r.w]]), flush=True)

rclpy.init()
node = Node("listener")
node.create_subscription(TFMessage, "/tf", show, 10)
print("listening", flush=True)
rclpy.spin(node)
"""


def test_a_frame_is_the_wrists_pose():
    hand = hand_pose(make_hand((0.1, -0.05, 0.7), roll=0.6), track_id=7)
    lost = hand_pose(np.full((21, 3), np.nan), track_id=8, state="lost")
    (made,) = wrist_transforms([hand, lost], Header(frame_id="camera"), "head_")
    assert made.child_frame_id == "head_hand_7_wrist" == frame_name("head_", 7)
    assert made.header.frame_id == "camera"
    t, r = made.transform.translation, made.transform.rotation
    assert (t.x, t.y, t.z) == pytest.approx(hand.keypoints[0])
    # x of the frame points to the middle knuckle: rotate (1, 0, 0) by the quaternion.
    x = [1 - 2 * (r.y**2 + r.z**2), 2 * (r.x * r.y + r.z * r.w), 2 * (r.x * r.z - r.y * r.w)]
    middle = hand.keypoints[9] - hand.keypoints[0]
    assert x == pytest.approx(middle / np.linalg.norm(middle), abs=1e-9)


@pytest.mark.skipif(INSTALLED, reason="tf2_msgs is installed")
def test_without_tf2_msgs_the_node_says_what_is_missing(start):
    process, _ = start("without", wait="annot configure", connect=False, publish_tf=True)
    process.wait_for("Cannot configure: publish_tf needs tf2_msgs.*ros-<distro>-tf2-msgs")
    assert process.alive


@pytest.fixture(scope="module")
def tf2_setup(tmp_path_factory) -> str:
    """What a shell sources for tf2_msgs; where it is not installed, one message made here."""
    if INSTALLED:
        return "true"
    if not shutil.which("colcon"):
        pytest.skip("tf2_msgs is not installed, and colcon to make it neither")
    folder = tmp_path_factory.mktemp("tf2")
    source = folder / "src/tf2_msgs"
    (source / "msg").mkdir(parents=True)
    (source / "msg/TFMessage.msg").write_text("geometry_msgs/TransformStamped[] transforms\n")
    (source / "package.xml").write_text(
        '<package format="3"><name>tf2_msgs</name><version>0.0.1</version><description>A stand-in'
        '</description><maintainer email="a@b.org">a</maintainer><license>Apache-2.0</license>'
        "<buildtool_depend>ament_cmake</buildtool_depend><buildtool_depend>"
        "rosidl_default_generators</buildtool_depend><depend>geometry_msgs</depend>"
        "<member_of_group>rosidl_interface_packages</member_of_group>"
        "<export><build_type>ament_cmake</build_type></export></package>"
    )
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(tf2_msgs)\n"
        "find_package(ament_cmake REQUIRED)\nfind_package(geometry_msgs REQUIRED)\n"
        "find_package(rosidl_default_generators REQUIRED)\n"
        'rosidl_generate_interfaces(tf2_msgs "msg/TFMessage.msg" DEPENDENCIES geometry_msgs)\n'
        "ament_package()\n"
    )
    environment = dict(os.environ)
    if "ROS_DISTRO" not in environment:  # the wheels lie in the virtual environment
        environment |= {"CMAKE_PREFIX_PATH": sys.prefix, "AMENT_PREFIX_PATH": sys.prefix}
    done = subprocess.run(
        ["colcon", "build", "--merge-install", "--cmake-args",
         f"-DPython3_EXECUTABLE={sys.executable}", "-DBUILD_TESTING=OFF"],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return f"source {folder}/install/local_setup.bash"


def run(setup: str, arguments: list[str], log: Path, wait: str) -> Process:
    """Start a program where tf2_msgs is known."""
    return Process(["bash", "-c", f'{setup} && exec "$@"', "x", *arguments], log, wait)


def test_the_node_broadcasts_the_frames(tf2_setup, tiny_network, context, tmp_path):
    values = {"weights": tiny_network, "device": "cpu", "threads": 1, "publish_tf": "true",
              "tf_prefix": "head_", "detections_type": "region_of_interest",
              "detections_max_age": 60.0, "redetect_interval": 0.0}  # fmt: skip
    arguments = [str(EXECUTABLE), "--ros-args", "-r", "__ns:=/tf_test"]
    for name, value in values.items():
        arguments += ["-p", f"{name}:={value}"]
    node = run(tf2_setup, arguments, tmp_path / "node.txt", "Active")
    listener = run(tf2_setup, [sys.executable, "-c", LISTENER], tmp_path / "tf.txt", "listening")
    client = Client(context, "/tf_test", node)
    try:
        client.connected()
        boxes = client.node.create_publisher(RegionOfInterest, "detections", 1)

        answered = {}

        def broadcast():
            boxes.publish(RegionOfInterest(x_offset=20, y_offset=10, width=40, height=44))
            time.sleep(0.05)
            answer = client.ask(rgb8())
            lines = [json.loads(x) for x in listener.text.splitlines() if x.startswith("[")]
            seen = {(*line[1], line[2]): line for line in lines}
            for hand in answer.hands:
                answered[(*stamp_of(answer), f"head_hand_{hand.track_id}_wrist")] = hand
            both = sorted(answered.keys() & seen.keys())  # what is broadcast may come later
            return (answered[both[0]], seen[both[0]]) if both else None

        hand, (frame, _, _, position, rotation) = until(broadcast)
        pose = hand.wrist_pose.pose
        assert frame == hand.header.frame_id == "camera_optical"
        expected = [pose.position.x, pose.position.y, pose.position.z]
        assert position == pytest.approx(expected, abs=1e-9)
        q = pose.orientation
        assert rotation == pytest.approx([q.x, q.y, q.z, q.w], abs=1e-9)
    finally:
        client.close()
        listener.stop()
        node.stop()

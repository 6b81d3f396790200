"""Images over real DDS: with the profile all arrive, and what is lost is said."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import camera_info, rgb8, set_stamp, until
from rclpy.utilities import get_rmw_implementation_identifier

from hand_pose_25d.ros.diagnostics import COMPLAINT_PERIOD
from hand_pose_25d.ros.transport import profile_variable

PROFILE = Path(__file__).resolve().parents[2] / "config/fastdds.xml"
IMAGES = 30
CAMERA = """
import sys, threading, time
from array import array
import rclpy
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from hand_pose_25d.ros.messages import HandPoseArray

count = int(sys.argv[2])
rclpy.init()
node = rclpy.create_node("camera", namespace=sys.argv[1])
qos = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.BEST_EFFORT)
images = node.create_publisher(Image, "image", qos)
infos = node.create_publisher(CameraInfo, "camera_info", qos)
answered = set()
node.create_subscription(HandPoseArray, "hands", lambda m: answered.add(m.header.stamp.sec), 10)
threading.Thread(target=rclpy.spin, args=(node,), daemon=True).start()
image = Image(width=640, height=480, encoding="rgb8", step=1920)
image.data = array("B", bytes(640 * 480 * 3))
info = CameraInfo(width=640, height=480)
info.k = [500.0, 0.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 1.0]

def answers(second, patience):
    info.header.stamp.sec = image.header.stamp.sec = second
    infos.publish(info)
    images.publish(image)
    for _ in range(int(patience / 0.002)):  # by turns, not by the clock: the machine may be slow
        if second in answered:
            return True
        time.sleep(0.002)
    return False

any(answers(warm, 1.0) for warm in range(100, 300))
time.sleep(1)  # the answers to those before
print(sum(answers(1000 + k, 10.0) for k in range(count)))
rclpy.shutdown()
"""


@pytest.fixture(scope="module")
def watched(start):
    """A node and its client."""
    return start("transport")


@pytest.mark.skipif(
    "fastrtps" not in get_rmw_implementation_identifier(),
    reason="the profile is Fast DDS's, and another middleware is in use",
)
def test_with_the_profile_all_images_arrive(start, monkeypatch):
    """One after the other, so that the machine's speed has no say; each in many parts."""
    monkeypatch.setenv(profile_variable(), str(PROFILE))
    _, client = start("profile", connect=False)
    command = [sys.executable, "-c", CAMERA, client.node.get_namespace(), str(IMAGES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.stdout == f"{IMAGES}\n", done.stdout + done.stderr


def test_images_that_are_lost_are_counted_and_said_with_the_remedy(watched):
    process, client = watched
    client.ask()
    before, sent, began = client.number("images lost before arrival"), 0, time.monotonic()

    def lose() -> None:
        nonlocal sent
        for _ in range(12):
            info = camera_info()
            set_stamp(info.header, client.stamp())
            client.infos.publish(info)
            time.sleep(1 / 30)
        sent += 12

    client.told(r"\d+ of \d+ images of the last 10 s were lost.*image_transport:=compressed", lose)
    until(lambda: 3 <= client.number("images lost before arrival") - before <= 2 * sent)
    lines = process.count("were lost before they reached this node")
    assert 1 <= lines <= 1 + int((time.monotonic() - began) / COMPLAINT_PERIOD)


def test_diagnostics_have_the_time_of_each_step(watched):
    _, client = watched
    picture = rgb8(np.full((64, 96, 3), 120, np.uint8))
    keys = [f"{step} {what} [ms]" for step in ("detector", "processing", "age")
            for what in ("median", "p95")]  # fmt: skip

    def timed() -> dict[str, str] | None:
        """Return the last diagnostics where they have the times of images of the last seconds."""
        client.ask(picture)
        values = client.values
        return values if all(float(values.get(key, 0)) > 0 for key in keys) else None

    values = until(timed, why=f"{keys} {client.values}")
    assert float(values["detector median [ms]"]) <= float(values["processing p95 [ms]"])
    assert 0 < float(values["images with detection [%]"]) <= 100
    assert {"images received", "images processed", "images dropped (newer ones came)",
            "images lost before arrival"} <= set(values)  # fmt: skip

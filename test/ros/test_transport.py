"""Images over real DDS: with the profile all arrive, and what is lost is said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import camera_info, rgb8, until
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.utilities import get_rmw_implementation_identifier
from std_srvs.srv import Trigger

from hand_pose_25d.ros.transport import profile_variable

PROFILE = Path(__file__).resolve().parents[2] / "config/fastdds.xml"
IMAGES = 30
CAMERA = """
import sys, time
from array import array
import rclpy
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("camera", namespace=sys.argv[1])
qos = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.BEST_EFFORT)
publisher = node.create_publisher(Image, "image", qos)
image = Image(width=640, height=480, encoding="rgb8", step=1920)
image.data = array("B", bytes(640 * 480 * 3))
end = time.monotonic() + 60
while not publisher.get_subscription_count() and time.monotonic() < end:
    time.sleep(0.05)
time.sleep(1)  # discovery has two directions
start = time.monotonic()
for k in range(int(sys.argv[2])):
    image.header.stamp.sec = 100 + k
    publisher.publish(image)
    time.sleep(max(0.0, start + (k + 1) / 30 - time.monotonic()))
time.sleep(1)
"""


class Watched:
    """A node and what its diagnostics say."""

    def __init__(self, process, client) -> None:
        self.process, self.client = process, client
        self.values: dict[str, str] = {}
        client.node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)

    def _hear(self, message) -> None:
        name = f"{self.client.node.get_namespace()[1:]}/hand_pose: hands"
        for status in message.status:
            if status.name == name:
                self.values = {v.key: v.value for v in status.values}

    def number(self, key: str) -> float:
        return float(self.values.get(key, "0"))


@pytest.fixture(scope="module")
def watched(start) -> Watched:
    return Watched(*start("transport"))


@pytest.mark.skipif(
    "fastrtps" not in get_rmw_implementation_identifier(),
    reason="the profile is Fast DDS's, and another middleware is in use",
)
def test_with_the_profile_all_images_arrive(start, monkeypatch):
    monkeypatch.setenv(profile_variable(), str(PROFILE))
    node = Watched(*start("profile", connect=False))
    namespace = node.client.node.get_namespace()
    subprocess.run([sys.executable, "-c", CAMERA, namespace, str(IMAGES)], check=True, timeout=120)
    until(lambda: node.number("images received") == IMAGES, 10, f"{node.values}")


def test_images_that_are_lost_are_counted_and_said_with_the_remedy(watched):
    client = watched.client
    client.ask()
    before = watched.number("images lost before arrival")
    for _ in range(12):
        client.stamp()
        info = camera_info()
        info.header.frame_id = "camera_optical"
        info.header.stamp.sec, info.header.stamp.nanosec = divmod(
            round(client._next * 1e9), 1_000_000_000
        )
        client.infos.publish(info)
        time.sleep(1 / 30)
    client.ask()
    client.told(r"1\d of \d+ images of the last 10 s were lost.*image_transport:=compressed")
    until(lambda: watched.number("images lost before arrival") >= before + 10)
    assert watched.process.count("were lost before they reached this node") == 1


def test_diagnostics_have_the_time_of_each_step(watched):
    picture = rgb8(np.full((64, 96, 3), 120, np.uint8))
    for _ in range(5):
        watched.client.ask(picture)
    keys = [f"{step} {what} [ms]" for step in ("detector", "processing", "age")
            for what in ("median", "p95")]  # fmt: skip
    until(lambda: all(watched.number(key) > 0 for key in keys), why=f"{keys} {watched.values}")
    values = watched.values
    assert watched.number("detector median [ms]") < watched.number("processing p95 [ms]")
    assert 0 < watched.number("images with detection [%]") <= 100
    assert {"images received", "images processed", "images dropped (newer ones came)",
            "images lost before arrival"} <= set(values)  # fmt: skip


def test_services_do_not_wait_for_the_image_being_worked_on(start):
    """The shipped network takes tens of milliseconds an image; what waits for it takes as long."""
    process, client = start("busy", weights="realtime", connect=False)
    picture = rgb8(np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8))
    request = SetParameters.Request(
        parameters=[Parameter("presence_threshold", value=0.6).to_parameter_msg()]
    )
    client.connected()
    seconds = []
    for _ in range(15):
        client.send(picture)
        time.sleep(0.01)
        for kind, name, asked in (
            (SetParameters, "hand_pose/set_parameters", request),
            (Trigger, "hand_pose/reset", None),
        ):
            started = time.monotonic()
            assert client.call(kind, name, asked) is not None
            seconds.append(time.monotonic() - started)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    assert np.median(seconds) < 0.02 * max(1.0, load), f"{seconds}, load {load:.1f} a core"

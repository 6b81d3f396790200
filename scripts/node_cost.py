"""Measure the node's own CPU for an image: receive, convert, message, publish; not the networks.

    python scripts/node_cost.py                          640 x 480 rgb8 at 30 Hz, for 10 s
    python scripts/node_cost.py --size 1280 720 --encoding bgr8 --hands 0
    python scripts/node_cost.py --encoding jpeg          sensor_msgs/CompressedImage

The node runs as a process of its own over real topics, with a stand-in for the estimator that
gives the hands at once, so that what is left is the node.  CPU of all its threads, from /proc;
what it takes without images (timers, discovery) is subtracted.  Needs the built package: source
install/local_setup.bash.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

TICK = os.sysconf("SC_CLK_TCK")
NAMESPACE = "/node_cost"
COMPRESSED = "jpeg"
ENCODINGS = {"rgb8": 3, "bgr8": 3, "mono8": 1, "bayer_rggb8": 1, COMPRESSED: 3}


def run_node(options: argparse.Namespace) -> int:
    """Be the node: the real one, with a stand-in for the networks."""
    from hand_pose_25d.hand_pose import HandPose
    from hand_pose_25d.ros import node, pipeline

    rng = np.random.default_rng(0)
    points = rng.normal(size=(2, 21, 3)) * 0.04 + (0.0, 0.0, 0.5)
    pixels = points[..., :2] * 500 / points[..., 2:] + (320, 240)
    spread = np.broadcast_to(1e-4 * np.eye(3), (21, 3, 3)).copy()
    hands = [
        HandPose(
            points[i], spread, pixels[i], np.zeros(21), np.ones(21), "right", 0.9, 0.9,
            (0.0, 0.0, 100.0, 100.0), 0.1, palm_covariance=1e-4 * np.eye(12), track_id=i + 1,
            state="tracked",
        )
        for i in range(2)
    ]  # fmt: skip

    class StandIn:
        runtime_name, timings = "stand-in", {"landmarks": 0.0, "solve": 0.0}

        def __init__(self, **_: object) -> None: ...

        def track(self, *_: object, **__: object) -> list[HandPose]:
            return hands[: options.hands]

        def reset(self) -> None: ...

    pipeline.HandPoseEstimator = StandIn  # type: ignore[misc, assignment]
    transport = "compressed" if options.encoding == COMPRESSED else "raw"
    return node.main(
        ["--ros-args", "-r", f"__ns:={NAMESPACE}", "-p", f"image_transport:={transport}"]
    )


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def picture(options: argparse.Namespace) -> Any:
    """Return the message: smooth colours, as raw pixels or as a JPEG."""
    import cv2
    from sensor_msgs.msg import CompressedImage, Image

    width, height = options.size
    channels = ENCODINGS[options.encoding]
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, channels), dtype=np.uint8)
    pixels = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    if options.encoding == COMPRESSED:
        data = cv2.imencode(".jpg", pixels)[1].tobytes()
        return CompressedImage(format="jpeg", data=data)
    step = width * channels
    image = Image(encoding=options.encoding, width=width, height=height, step=step)
    image.data.frombytes(pixels.tobytes())
    return image


def publish(options: argparse.Namespace, pid: int) -> tuple[int, int, float, float]:
    """Publish images at 30 Hz.

    Returns how many were sent and answered, in how many seconds, and the node's CPU meanwhile.
    """
    import rclpy
    from sensor_msgs.msg import CameraInfo

    from hand_pose_25d.ros.messages import HandPoseArray
    from hand_pose_25d.ros.qos import output_qos, sensor_qos

    width, height = options.size
    rclpy.init()
    driver = rclpy.create_node("driver", namespace=NAMESPACE)
    image = picture(options)
    topic = "image/compressed" if options.encoding == COMPRESSED else "image"
    images = driver.create_publisher(type(image), topic, output_qos())
    infos = driver.create_publisher(CameraInfo, "camera_info", output_qos())
    answers: list[object] = []
    driver.create_subscription(HandPoseArray, "hands", answers.append, sensor_qos())
    focal, middle = 0.8 * width, (width / 2, height / 2)
    info = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = [focal, 0.0, middle[0], 0.0, focal, middle[1], 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, middle[0], 0.0, 0.0, focal, middle[1], 0.0, 0.0, 0.0, 1.0, 0.0]
    end = time.monotonic() + 60
    while not images.get_subscription_count() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(1.0)
    before = cpu_seconds(pid)
    sent, start = 0, time.monotonic()
    while (now := time.monotonic() - start) < options.seconds:
        rclpy.spin_once(driver, timeout_sec=max(sent / 30 - now, 0.0))
        if time.monotonic() - start < sent / 30:
            continue
        sent += 1
        for message in (info, image):
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(
                sent * 33_000_000, 10**9
            )
        infos.publish(info)
        images.publish(image)
    for _ in range(20):
        rclpy.spin_once(driver, timeout_sec=0.02)
    spent, passed = cpu_seconds(pid) - before, time.monotonic() - start
    rclpy.shutdown()
    return sent, len(answers), passed, spent


def main() -> int:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"))
    parser.add_argument("--encoding", default="rgb8", choices=ENCODINGS)
    parser.add_argument("--hands", type=int, default=2, choices=(0, 1, 2))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--node", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.node:
        return run_node(options)
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    profile = Path(__file__).resolve().parents[1] / "config/fastdds.xml"
    os.environ.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(profile))
    command = [sys.executable, __file__, "--node", "--hands", str(options.hands)]
    command += ["--encoding", options.encoding]
    node = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert node.stderr is not None
        while "Active" not in (line := node.stderr.readline()):
            if not line:
                print("the node did not start", file=sys.stderr)
                return 1
        time.sleep(1.0)
        before, start = cpu_seconds(node.pid), time.monotonic()
        time.sleep(3.0)
        idle = (cpu_seconds(node.pid) - before) / (time.monotonic() - start)
        sent, answered, passed, spent = publish(options, node.pid)
        spent -= idle * passed
    finally:
        node.terminate()
        node.wait(10)
    width, height = options.size
    print(f"{width} x {height} {options.encoding}: {sent} images sent, {answered} answered")
    cost = 1e3 * spent / max(answered, 1)
    print(f"node's own CPU: {cost:.2f} ms an image, hands: {options.hands}")
    print(f"without images: {1e3 * idle:.1f} ms a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The node `recorder`: writes images (as JPEG), camera_info, hands and markers to one MCAP file.

Skeletons over the images are added, as image_annotations.  Foxglove and `ros2 bag play` open the
file.  A message's time in it is when it was published or, with header_time, the stamp of its
header: beside a bag that is played, that is the bag's time.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import serialize_message
from rclpy.subscription import Subscription
from rosbags.rosbag2 import StoragePlugin, Writer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from visualization_msgs.msg import MarkerArray

from hand_pose_25d.io.annotations import IMAGE_ANNOTATIONS, image_annotations
from hand_pose_25d.io.outputs import unused
from hand_pose_25d.io.recordings import stamp_ns, type_name, typestore
from hand_pose_25d.msg import HandPoseArray
from hand_pose_25d.ros import values
from hand_pose_25d.ros.images import InputError, image_to_rgb
from hand_pose_25d.ros.messages import hand_from_message

JPEG_QUALITY = 92
DEPTH = 100
POLL_PERIOD = 0.1  # seconds between two checks for a publisher of hands
# rclpy of Humble tells no callback when a message was published.
TELLS_TIMES = hasattr(Subscription, "CallbackType")


class RecorderNode(Node):
    """See the module's docstring."""

    def __init__(self) -> None:
        """Open the file.  Raises ValueError where that is not possible."""
        super().__init__("recorder")
        wanted = values.path_parameter(
            self, "output", "hands.mcap", "The file; one that is there stays."
        )
        lossless = values.switch_parameter(
            self, "reliable", False, "Subscribe reliably: for publishers that are."
        )
        self._header_time = values.switch_parameter(
            self, "header_time", False, "Times in the file are the headers' stamps."
        )
        for sentence in values.without_meaning(self):
            self.get_logger().warning(sentence)
        self._path, self._folder = _unused_paths((wanted or Path("hands.mcap")).absolute())
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = Writer(self._folder, version=9, storage_plugin=StoragePlugin.MCAP)
            self._writer.open()
        except Exception as error:
            raise ValueError(f"{self._path} cannot be written: {error}") from error
        self._typestore = typestore()
        self._connections: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        policy = QoSReliabilityPolicy
        self._qos = QoSProfile(
            depth=DEPTH, reliability=policy.RELIABLE if lossless else policy.BEST_EFFORT
        )
        for kind, topic in ((CameraInfo, "camera_info"), (MarkerArray, "markers")):
            self._hear(kind, topic, partial(self._write, topic))
        if not self._header_time:  # diagnostics have the time of today
            self._hear(DiagnosticArray, "/diagnostics", partial(self._write, "/diagnostics"))
        hands = self._hear(HandPoseArray, "hands", self._on_hands)
        if not lossless:
            self._hear(Image, "image", self._on_image)
            return
        # `source` waits for the images' subscribers: let it begin when no hands are missed.
        check = partial(self._hear_images_with_hands, hands.topic_name)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._polling = self.create_timer(POLL_PERIOD, check, clock=steady)

    def _hear_images_with_hands(self, topic: str) -> None:
        if self.count_publishers(topic):
            self._polling.cancel()
            self._hear(Image, "image", self._on_image)

    def _hear(self, kind: Any, topic: str, take: Callable[[Any, int], None]) -> Subscription:
        """Subscribe; `take` gets each message and when it was published, in nanoseconds."""
        if TELLS_TIMES:
            return self.create_subscription(
                kind,
                topic,
                lambda message, info: take(message, info["source_timestamp"] or time.time_ns()),
                self._qos,
            )
        return self.create_subscription(
            kind, topic, lambda message: take(message, time.time_ns()), self._qos
        )

    def _on_image(self, message: Image, stamp: int) -> None:
        try:
            pixels = image_to_rgb(message)
        except InputError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=10.0)
            return
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), quality)
        compressed = CompressedImage(header=message.header, format="jpeg", data=data.tobytes())
        self._write("image/compressed", compressed, stamp)

    def _on_hands(self, message: HandPoseArray, stamp: int) -> None:
        self._write("hands", message, stamp)
        own, time_ = self._typestore, message.header.stamp
        time_ = own.types["builtin_interfaces/msg/Time"](sec=time_.sec, nanosec=time_.nanosec)
        hands = [hand_from_message(hand) for hand in message.hands]
        data = own.serialize_cdr(image_annotations(own.types, time_, hands), IMAGE_ANNOTATIONS)
        stamp = stamp_ns(message.header) if self._header_time else stamp
        self._put("image_annotations", IMAGE_ANNOTATIONS, stamp, bytes(data))

    def _write(self, topic: str, message: Any, stamp: int) -> None:
        if self._header_time:
            first = message.markers[0] if topic == "markers" else message  # DELETEALL
            stamp = stamp_ns(first.header)
        self._put(topic, type_name(message), stamp, serialize_message(message))

    def _put(self, topic: str, kind: str, stamp: int, data: bytes) -> None:
        if topic not in self._connections:
            name = topic if topic.startswith("/") else f"/{topic}"
            self._connections[topic] = self._writer.add_connection(
                name, kind, typestore=self._typestore
            )
        self._writer.write(self._connections[topic], stamp, data)
        self._counts[topic] = self._counts.get(topic, 0) + 1

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
        next(self._folder.glob("*.mcap")).replace(self._path)
        shutil.rmtree(self._folder)
        counts = ", ".join(f"{n} on {topic}" for topic, n in sorted(self._counts.items()))
        self.get_logger().info(f"{self._path}: {counts or 'nothing'}")


def _unused_paths(path: Path) -> tuple[Path, Path]:
    """Return the file's path and that of the folder it is made in; neither is there yet."""
    free = unused(path, lambda p: p.exists() or p.with_suffix(".recording").exists())
    return free, free.with_suffix(".recording")


def main(args: list[str] | None = None) -> int:
    """Record until a signal comes."""
    from hand_pose_25d.ros.run import run

    return run(RecorderNode, args)


if __name__ == "__main__":
    sys.exit(main())

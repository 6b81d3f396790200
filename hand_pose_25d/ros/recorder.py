"""The node `recorder`: writes images (as JPEG), camera_info, hands and markers to one MCAP file.

Foxglove and `ros2 bag play` open it.  A message's time in the file is when it was published.
"""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.event_handler import QoSSubscriptionMatchedInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from visualization_msgs.msg import MarkerArray

from hand_pose_25d.io.recordings import type_name, typestore
from hand_pose_25d.msg import HandPoseArray
from hand_pose_25d.ros.images import InputError, image_to_rgb

JPEG_QUALITY = 92
DEPTH = 100


class RecorderNode(Node):
    """See the module's docstring."""

    def __init__(self) -> None:
        """Open the file.  Raises ValueError where that is not possible."""
        super().__init__("recorder")
        self._path = Path(str(self.declare_parameter("output", "hands.mcap").value)).absolute()
        self._folder = self._path.with_suffix(".recording")
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = Writer(self._folder, version=9, storage_plugin=StoragePlugin.MCAP)
            self._writer.open()
        except Exception as error:
            raise ValueError(f"{self._path} cannot be written: {error}") from error
        self._typestore = typestore()
        self._connections: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        qos = QoSProfile(depth=DEPTH, reliability=QoSReliabilityPolicy.BEST_EFFORT)
        reliable = QoSProfile(depth=DEPTH, reliability=QoSReliabilityPolicy.RELIABLE)
        lossless = bool(self.declare_parameter("reliable", False).value)
        self._qos = reliable if lossless else qos
        self._hears_images = False
        for kind, topic in (
            (CameraInfo, "camera_info"),
            (HandPoseArray, "hands"),
            (MarkerArray, "markers"),
            (DiagnosticArray, "/diagnostics"),
        ):
            events = None
            if lossless and topic == "hands":
                events = SubscriptionEventCallbacks(matched=self._on_hands_matched)
            self.create_subscription(
                kind, topic, partial(self._write, topic), self._qos, event_callbacks=events
            )
        if not lossless:
            self._hear_images()

    def _on_hands_matched(self, status: QoSSubscriptionMatchedInfo) -> None:
        """Let `source` begin, which waits for the images' subscribers, when no hands are lost."""
        if status.current_count:
            self._hear_images()

    def _hear_images(self) -> None:
        if not self._hears_images:
            self._hears_images = True
            self.create_subscription(Image, "image", self._on_image, self._qos)

    def _on_image(self, message: Image, info: Any) -> None:
        try:
            pixels = image_to_rgb(message)
        except InputError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=10.0)
            return
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), quality)
        compressed = CompressedImage(header=message.header, format="jpeg", data=data.tobytes())
        self._write("image/compressed", compressed, info)

    def _write(self, topic: str, message: Any, info: Any) -> None:
        if topic not in self._connections:
            name = topic if topic.startswith("/") else f"/{topic}"
            self._connections[topic] = self._writer.add_connection(
                name, type_name(message), typestore=self._typestore
            )
        stamp = info["source_timestamp"]
        self._writer.write(self._connections[topic], stamp, serialize_message(message))
        self._counts[topic] = self._counts.get(topic, 0) + 1

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
        next(self._folder.glob("*.mcap")).replace(self._path)
        shutil.rmtree(self._folder)
        counts = ", ".join(f"{n} on {topic}" for topic, n in sorted(self._counts.items()))
        self.get_logger().info(f"{self._path}: {counts or 'nothing'}")


def main(args: list[str] | None = None) -> int:
    """Record until a signal comes."""
    from hand_pose_25d.ros.run import run

    return run(RecorderNode, args)


if __name__ == "__main__":
    sys.exit(main())

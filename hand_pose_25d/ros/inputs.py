"""What an active node listens to: images, their CameraInfo, detections of another node."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.qos import QoSDurabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hand_pose_25d.ros import detections
from hand_pose_25d.ros.cameras import CameraInfos
from hand_pose_25d.ros.losses import Losses
from hand_pose_25d.ros.parameters import Settings
from hand_pose_25d.ros.qos import INPUT_DEPTH, latched_qos, sensor_qos
from hand_pose_25d.ros.received import InfoReader, read_compressed_message, read_image_message
from hand_pose_25d.ros.receiver import Receiver
from hand_pose_25d.ros.transport import remedy

SILENCE = 5.0  # seconds without images or CameraInfo before the node says so
LATCHED_AFTER = 1.0  # seconds without CameraInfo before a latched one is looked for


def beside_images(node: Any, name: str) -> str:
    """Return the topic of camera_info or image/compressed.

    That of a remapping; else, where `image` alone is remapped, the one that image_transport's
    publishers have beside it: /head/image_raw/compressed, /head/camera_info.
    """
    namespace = node.get_namespace().rstrip("/")
    image = node.resolve_topic_name("image")
    if node.resolve_topic_name(name) != f"{namespace}/{name}" or image == f"{namespace}/image":
        return name
    if name == "camera_info":
        return f"{image.rsplit('/', 1)[0]}/{name}"
    return f"{image}/{name.split('/')[-1]}"


class Inputs:
    """The subscriptions of an active node, and what is to be said when they stay silent."""

    def __init__(
        self,
        node: Any,
        settings: Settings,
        infos: CameraInfos,
        losses: Losses,
        on_image: Callable[[Any], None],
        on_detections: Callable[[Any], None],
        on_depth: Callable[[Any], None],
        failed: Callable[[Exception], object],
    ) -> None:
        """Subscribe; everything is called in the receiver's thread.

        failed: called with what goes wrong with a message.

        Raises ValueError where the type of the detections is not installed.
        """
        self._node, self._infos, self._on_image = node, infos, on_image
        self._losses = losses
        self._losses.start()
        self._since = time.monotonic()
        self._last_image: float | None = None
        self._latched = False
        self._receiver = Receiver(node, failed)
        self._read_info = InfoReader().read
        self._read_image: Callable[[bytes], Any] = read_image_message
        try:
            self._info_topic = beside_images(node, "camera_info")
            self.info = self._receiver.subscribe(
                CameraInfo, self._info_topic, self._take_info, sensor_qos(), raw=True
            )
            kind: Any = Image
            topic = "image"
            if settings.image_transport == "compressed":
                kind, topic = CompressedImage, beside_images(node, "image/compressed")
                self._read_image = read_compressed_message
            reliable = settings.reliability == "reliable"
            self.image = self._receiver.subscribe(
                kind, topic, self._take_image, sensor_qos(reliable=reliable), raw=True
            )
            self._depth: Any = None
            self._last_depth: float | None = None
            if settings.use_depth:
                self._on_depth = on_depth
                self._depth = self._receiver.subscribe(
                    Image, "depth", self._take_depth, sensor_qos(), raw=True
                )
            if settings.detections_type != "none":
                kind = detections.message_type(settings.detections_type)
                self._receiver.subscribe(kind, "detections", on_detections, sensor_qos())
            self._receiver.start()
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """End the subscriptions; afterwards nothing is called any more."""
        self._receiver.close()

    def watch(self, complain: Callable[[str, str], None]) -> None:
        """Say what does not come, and who publishes; called now and then.

        A wrong topic name is the commonest fault of all.
        """
        now = time.monotonic()
        self._receiver.watch()
        self._hear_latched(now)
        if lost := self._losses.complaint():
            complain("lost", f"{lost}; {remedy()}")
        for subscription, last in (
            (self.info, self._infos.last_time), (self.image, self._last_image),
            (self._depth, self._last_depth),
        ):  # fmt: skip
            if subscription is None:
                continue
            if now - max(self._since, last or 0.0) < SILENCE:
                continue
            topic = subscription.topic_name
            count = self._node.count_publishers(topic)
            who = f"{count} publisher(s)" if count else "no publisher: is the name right?"
            # A latched message comes once, and that is right.
            if subscription is self.info and last is not None and self._latched:
                continue
            if subscription is self.image and count and self._infos_come(now):
                who += f", and CameraInfo comes: images may be lost on the way; {remedy()}"
            complain(
                f"silence {topic}", f"no message on {topic} for {SILENCE:.0f} s; it has {who}"
            )
        count = self._node.count_publishers(self.info.topic_name)
        if count > 1:
            complain(
                "two cameras",
                f"{self.info.topic_name} has {count} publishers: the camera's should be the only "
                "one (of several, the CameraInfo with the image's frame_id counts)",
            )

    def _hear_latched(self, now: float) -> None:
        """Ask for what was published before this node was there, where a publisher keeps it.

        Only then: publishers that keep nothing log a warning about subscribers that ask.
        """
        last = self._infos.last_time
        if self._latched or now - max(self._since, last or 0.0) < LATCHED_AFTER:
            return
        topic = self.info.topic_name
        kept = QoSDurabilityPolicy.TRANSIENT_LOCAL
        found = self._node.get_publishers_info_by_topic(topic)
        if any(publisher.qos_profile.durability == kept for publisher in found):
            self._receiver.subscribe(
                CameraInfo, self._info_topic, self._take_info, latched_qos(INPUT_DEPTH), raw=True
            )
            self._latched = True

    def _infos_come(self, now: float) -> bool:
        last = self._infos.last_time
        return last is not None and now - last < LATCHED_AFTER

    def _take_info(self, raw: bytes) -> None:
        info, stamp = self._read_info(raw)
        self._losses.info(stamp, info.header.frame_id)
        self._infos.add(info, stamp)

    def _take_image(self, raw: bytes) -> None:
        message = self._read_image(raw)
        self._last_image = time.monotonic()
        stamp = message.header.stamp
        self._losses.image((stamp.sec, stamp.nanosec))
        self._on_image(message)

    def _take_depth(self, raw: bytes) -> None:
        self._last_depth = time.monotonic()
        self._on_depth(read_image_message(raw))

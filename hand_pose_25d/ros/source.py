"""The node `source`: a video, a bag, a folder of images or a webcam as image and camera_info.

In lockstep (the default for files) the next image follows when the hands of the last one have
come, so that every image is worked on however slow the machine is; stamps are those of the video,
headers and CameraInfo those of the bag.  A webcam, and a file with lockstep:=false, is published
at its own rate, as a camera does.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from builtin_interfaces.msg import Time
from rclpy.client import Client
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from tqdm import tqdm

from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.cameras import DEFAULT_FIELD_OF_VIEW, CameraDescription
from hand_pose_25d.io.clips import CLIP, load_clip
from hand_pose_25d.io.sources import Source, SourceImage, expand, is_bag, open_source
from hand_pose_25d.msg import HandPoseArray
from hand_pose_25d.ros import values
from hand_pose_25d.ros.bag_source import BagImage, open_bag_source
from hand_pose_25d.ros.images import rgb_to_image
from hand_pose_25d.ros.qos import output_qos

ANSWER_TIMEOUT = 10.0  # seconds after which an image is published once more
ATTEMPTS = 3
SETTLE = 0.5  # seconds at the end: what follows the last hands reaches a recorder, too
CONNECTION_TIMEOUT = 120.0  # seconds; the node loads networks first


def camera_to_info(camera: Camera, header: Header) -> CameraInfo:
    """Make the CameraInfo of raw images of this camera."""
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    return CameraInfo(
        header=header,
        width=camera.width,
        height=camera.height,
        distortion_model=camera.model,
        d=list(camera.distortion),
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


class SourceNode(Node):
    """See the module's docstring."""

    def __init__(self) -> None:
        """Open the input.  Raises ValueError where it cannot be read."""
        super().__init__("source")
        name = values.name_or_number_parameter(
            self, "input", str(CLIP), "Video, bag, folder, camera; empty: the bundled clip."
        ) or str(CLIP)
        calibration = values.path_parameter(
            self, "camera_file", "", "Calibration, as ROS writes it."
        )
        view = values.number_parameter(
            self, "field_of_view", DEFAULT_FIELD_OF_VIEW,
            "Degrees across the longer side, where there is no calibration.", 1.0, 170.0,
        )  # fmt: skip
        lockstep = values.switch_parameter(
            self, "lockstep", True, "Files: wait for the hands of each image."
        )
        self._loop = values.switch_parameter(self, "loop", False, "Files: begin again at the end.")
        self._subscribers = values.whole_parameter(
            self, "subscribers", 1, "In lockstep: wait for so many before the first image.", 0, 100
        )
        self._frame_id = values.text_parameter(
            self, "frame_id", "camera_optical_frame", "Of the headers, but for those of a bag."
        )
        image_topic, info_topic = (
            values.text_parameter(self, name, "", f"Of {what} in a bag; empty: found there.")
            for name, what in (("image_topic", "images"), ("camera_info_topic", "CameraInfo"))
        )
        rectified = values.switch_parameter(self, "rectified", False, "A bag's images are.")
        for sentence in values.without_meaning(self):
            self.get_logger().warning(sentence)
        try:
            self._described = CameraDescription(calibration, field_of_view=view)
            bag = expand(name) if is_bag(expand(name)) else None
            settings = ProcessSettings(
                calibration=calibration,
                field_of_view=view if values.is_given(self, "field_of_view") else None,
                image_topic=image_topic or None,
                camera_info_topic=info_topic or None,
                rectified=rectified,
            )
            self._open: Callable[[], Source] = (
                partial(open_bag_source, bag, settings) if bag else partial(open_source, name)
            )
            self._source = self._open()
        except OSError as error:
            raise ValueError(str(error)) from error
        self._lockstep = lockstep and not self._source.live
        self._clip = load_clip(CLIP) if expand(name).resolve() == CLIP.resolve() else None
        if not (calibration or self._clip or self._source.live or bag):
            self.get_logger().warning(
                f"no calibration given (camera_file): a field of view of {view:g} degrees is "
                "assumed, and distances are only as good as that"
            )
        self._images = self.create_publisher(Image, "image", output_qos())
        self._infos = self.create_publisher(CameraInfo, "camera_info", output_qos())
        self._answers = threading.Condition()
        self._answered: tuple[int, int] | None = None
        self.create_subscription(HandPoseArray, "hands", self._on_hands, output_qos())
        self._reset: Client = self.create_client(Trigger, "hand_pose/reset")
        self.done = threading.Event()
        self.exit_code = 0
        self._stop = False

    def autostart(self) -> None:
        """Begin to publish, in a thread."""
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        """End the thread."""
        self._stop = True

    def _on_hands(self, message: HandPoseArray) -> None:
        with self._answers:
            self._answered = (message.header.stamp.sec, message.header.stamp.nanosec)
            self._answers.notify_all()

    def _run(self) -> None:
        try:
            self._publish_all()
        except Exception as error:
            self.get_logger().error(f"{type(error).__name__}: {error}")
            self.exit_code = 1
        finally:
            self.done.set()

    def _publish_all(self) -> None:
        self._wait_for_subscribers()
        while True:
            self._publish_once()
            if self._stop or not self._loop or self._source.live:
                return
            self._source = self._open()
            self._forget()

    def _publish_once(self) -> None:
        """Publish the input from its beginning to its end."""
        start, unanswered = time.time(), 0
        bar = tqdm(self._source.frames, total=self._source.length, unit="image", desc="images")
        for frame in bar:
            if self._stop:
                return
            stamp = start + frame.stamp
            if not self._source.is_video:
                self._forget()
            if self._lockstep:
                unanswered += not self._publish_and_wait(frame, stamp)
                continue
            if not self._source.live:
                time.sleep(max(0.0, stamp - time.time()))
            self._publish(frame, time.time())
        if self._lockstep:
            time.sleep(SETTLE)
        if unanswered:
            self.get_logger().error(f"{unanswered} of {bar.n} images were not answered")
            self.exit_code = 1

    def _wait_for_subscribers(self) -> None:
        end = time.monotonic() + CONNECTION_TIMEOUT
        while not self._stop:
            ready = min(p.get_subscription_count() for p in (self._images, self._infos))
            # Lockstep needs somebody who answers; without, a camera publishes to nobody, too.
            if not self._lockstep or (
                ready >= self._subscribers and self.count_publishers("hands")
            ):
                time.sleep(0.5)  # discovery has two directions
                return
            if time.monotonic() > end:
                raise RuntimeError(
                    f"nobody works on the images: {ready} subscriber(s), "
                    f"{self.count_publishers('hands')} publisher(s) of hands"
                )
            time.sleep(0.05)

    def _forget(self) -> None:
        """Tell the node that the next image has nothing to do with the last."""
        if self._reset.wait_for_service(timeout_sec=1.0):
            future = self._reset.call_async(Trigger.Request())
            end = time.monotonic() + ANSWER_TIMEOUT
            while not (future.done() or self._stop or time.monotonic() > end):
                time.sleep(0.001)

    def _publish_and_wait(self, frame: SourceImage, stamp: float) -> bool:
        for _ in range(ATTEMPTS):
            try:
                header = self._publish(frame, stamp)
            except RuntimeError as error:  # RCLError: DDS had no time for it
                self.get_logger().warning(f"{error}; once more")
                continue
            wanted = (header.stamp.sec, header.stamp.nanosec)
            with self._answers:
                end = time.monotonic() + ANSWER_TIMEOUT
                while not self._stop and (left := end - time.monotonic()) > 0:
                    if self._answered == wanted:
                        return True
                    self._answers.wait(min(left, 0.2))
        return False

    def _publish(self, frame: SourceImage, stamp: float) -> Header:
        if isinstance(frame, BagImage):
            header, camera = frame.header, frame.camera
            info = frame.info() or camera_to_info(camera, header)
        else:
            whole, part = divmod(round(stamp * 1e9), 1_000_000_000)
            header = Header(stamp=Time(sec=whole, nanosec=part), frame_id=self._frame_id)
            info = camera_to_info(self._camera(frame), header)
        self._infos.publish(info)
        if self._lockstep:
            time.sleep(0.001)  # two topics: the image must not overtake
        self._images.publish(rgb_to_image(frame.image, header))
        return header

    def _camera(self, frame: SourceImage) -> Camera:
        if self._clip:
            return self._clip.camera
        height, width = frame.image.shape[:2]
        return self._described.camera(width, height, frame.orientation)


def main(args: list[str] | None = None) -> int:
    """Publish until the input ends, or a signal comes."""
    from hand_pose_25d.ros.run import run

    return run(SourceNode, args)


if __name__ == "__main__":
    sys.exit(main())

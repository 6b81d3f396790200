"""rosbag2 folders, MCAP files and ROS 1 bags by the library rosbags: images and CameraInfo."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

from hand_pose_25d.archive.bag_images import is_compressed, message_image
from hand_pose_25d.archive.reading import (
    OneSize,
    RecordedImage,
    Recording,
    TruncatedError,
    check_length,
)
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.distortion import known_lens
from hand_pose_25d.io.recordings import stamp_ns
from hand_pose_25d.io.rectification import rectification

IMAGE, COMPRESSED, INFO = (
    f"sensor_msgs/msg/{name}" for name in ("Image", "CompressedImage", "CameraInfo")
)


def open_bag(unit: Unit, settings: ProcessSettings) -> Recording:
    """Open a recording of ROS.

    Raises ValueError for one that cannot be read, without the topics asked for, or without
    CameraInfo where the settings say nothing of the camera.
    """
    left_out: list[str] = []
    return Recording(_images(unit, settings, left_out), left_out)


def count_messages(unit: Unit, settings: ProcessSettings) -> int | None:
    """Return the number of images by the bag's own word; None where it cannot be read."""
    try:
        with ExitStack() as stack:
            reader = _opened(unit, stack)
            topic, _ = _topics(reader, settings)
            return int(reader.topics[topic].msgcount)
    except (OSError, ValueError):
        return None


def camera_of_info(info: Any, rectified: bool) -> Camera:
    """Return the camera of an image with this CameraInfo, ROI and binning applied.

    Raises ValueError for one that is no calibration.
    """
    distortion, k, _, p = _matrices(info)
    matrix = np.array(p).reshape(3, 4)[:, :3] if rectified else np.array(k).reshape(3, 3)
    if matrix[0, 0] == 0:
        raise ValueError("its CameraInfo is that of a camera that is not calibrated (zeros)")
    model, values = (
        ("plumb_bob", ()) if rectified else known_lens(info.distortion_model, distortion)
    )
    camera = Camera.from_matrix(matrix, info.width, info.height, values, model)
    roi = info.roi
    if roi.width and roi.height:
        camera = camera.with_roi(roi.x_offset, roi.y_offset, roi.width, roi.height)
    if info.binning_x > 1 or info.binning_y > 1:
        camera = camera.with_binning(info.binning_x, info.binning_y)
    return camera


def _images(unit: Unit, settings: ProcessSettings, left_out: list[str]) -> Iterator[RecordedImage]:
    with ExitStack() as stack:
        reader = _opened(unit, stack)
        topic, info_topic = _topics(reader, settings)
        cameras = None
        if settings.calibration is None and info_topic is not None:  # better than a guess
            cameras = _Infos(reader, _connections(reader, info_topic), settings.rectified)
        size = OneSize(settings) if cameras is None else None
        number, expected = 0, reader.topics[topic].msgcount
        try:
            for connection, logged, data in reader.messages(_connections(reader, topic)):
                message: Any = reader.deserialize(data, connection.msgtype)
                number += 1
                stamp = stamp_ns(message.header) or logged
                name = f"{number - 1:06d}"
                try:
                    image = message_image(message, is_compressed(connection.msgtype))
                except ValueError as error:
                    left_out.append(f"image {number - 1}: {error}")
                    continue
                frame_id = message.header.frame_id
                if cameras is None:
                    camera = size.camera(image, f"image {number - 1}")  # type: ignore[union-attr]
                    yield RecordedImage(name, stamp, image, camera, frame_id)
                    continue
                seen = cameras.camera(stamp, image, number - 1)
                yield RecordedImage(name, stamp, image, seen.camera, frame_id, *seen.more)
        except (AnyReaderError, OSError, EOFError) as error:
            raise TruncatedError(f"it breaks off behind {number} images: {error}") from error
    check_length(number, expected, left_out)


@dataclass(frozen=True)
class _Known:
    """What a CameraInfo message says."""

    camera: Camera
    more: tuple[Any, np.ndarray | None]
    """The message itself, and the rotation into the rectified frame."""


class _Infos:
    """A bag's CameraInfo messages by stamp."""

    def __init__(self, reader: AnyReader, connections: list[Connection], rectified: bool) -> None:
        stamped: list[tuple[int, _Known]] = []
        known: dict[tuple[Any, ...], _Known] = {}
        for connection, logged, data in reader.messages(connections):
            message: Any = reader.deserialize(data, connection.msgtype)
            content = _content(message)
            if content not in known:
                turn = rectification(_matrices(message)[2], rectified)
                known[content] = _Known(camera_of_info(message, rectified), (message, turn))
            stamped.append((stamp_ns(message.header) or logged, known[content]))
        if not stamped:
            raise ValueError(f"there is no message on {connections[0].topic}")
        stamped.sort(key=lambda pair: pair[0])
        self._stamps = [stamp for stamp, _ in stamped]
        self._known = [what for _, what in stamped]

    def camera(self, stamp: int, image: np.ndarray, number: int) -> _Known:
        """Return what the one of the same stamp says, else the last one before, else the first.

        Raises ValueError where it is for images of another size.
        """
        known = self._known[max(bisect.bisect_right(self._stamps, stamp) - 1, 0)]
        height, width = image.shape[:2]
        if (known.camera.width, known.camera.height) != (width, height):
            raise ValueError(
                f"image {number} has {width} x {height} px, its CameraInfo says "
                f"{known.camera.width} x {known.camera.height}: whoever resized one must resize "
                "both"
            )
        return known


def _matrices(info: Any) -> tuple[Any, Any, Any, Any]:
    """Return d, k, r and p, whose names are capitals in ROS 1."""
    names = "dkrp" if hasattr(info, "k") else "DKRP"
    return tuple(getattr(info, name) for name in names)


def _content(info: Any) -> tuple[Any, ...]:
    """Return what two CameraInfo messages of the same camera share."""
    roi = info.roi
    return (
        info.width, info.height, info.distortion_model,
        *(np.asarray(m).tobytes() for m in _matrices(info)),
        info.binning_x, info.binning_y, roi.x_offset, roi.y_offset, roi.width, roi.height,
    )  # fmt: skip


def _opened(unit: Unit, stack: ExitStack) -> AnyReader:
    try:
        reader = AnyReader([unit.path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
        return stack.enter_context(reader)
    except Exception as error:  # struct.error, sqlite3's, yaml's: all that damaged files raise
        raise ValueError(
            f"{unit.path} cannot be read as a ROS recording (cut off or damaged?): {error}"
        ) from error


def _connections(reader: AnyReader, topic: str) -> list[Connection]:
    return [c for c in reader.connections if c.topic == topic]


def _topics(reader: AnyReader, settings: ProcessSettings) -> tuple[str, str | None]:
    """Return the topics of images and of CameraInfo."""
    types = {c.topic: c.msgtype for c in reader.connections}
    images = sorted(t for t, kind in types.items() if kind in (IMAGE, COMPRESSED))
    infos = sorted(t for t, kind in types.items() if kind == INFO)
    topic = _wanted("--image-topic", settings.image_topic, images, "images")
    if settings.camera_info_topic is not None:
        return topic, _wanted(
            "--camera-info-topic", settings.camera_info_topic, infos, "CameraInfo"
        )
    base = topic.removesuffix("/compressed")
    beside = f"{base.rsplit('/', 1)[0]}/camera_info"
    if beside in infos:
        return topic, beside
    return topic, infos[0] if len(infos) == 1 and len(_bases(images)) == 1 else None


def _wanted(option: str, wanted: str | None, there: list[str], what: str) -> str:
    if wanted is not None:
        if wanted in there:
            return wanted
        raise ValueError(f"there are no {what} on {wanted}; {what} are on: {_listed(there)}")
    if not there:
        raise ValueError(f"there is no topic with {what} in it")
    bases = _bases(there)
    if len(bases) > 1:
        raise ValueError(
            f"there are several topics with {what}: choose by {option}: {_listed(there)}"
        )
    return there[0]  # the raw one sorts before its compressed one


def _bases(topics: list[str]) -> set[str]:
    return {topic.removesuffix("/compressed") for topic in topics}


def _listed(topics: list[str]) -> str:
    return ", ".join(topics) or "no topic"

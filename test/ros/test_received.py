"""Messages read from the bytes that come, and written as the bytes that go: as rclpy does both."""

from __future__ import annotations

import struct
import threading

import numpy as np
import pytest
from conftest import camera_info, raw, set_stamp, until
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from test_messages import hand

from hand_pose_25d.ros import outputs, serialized
from hand_pose_25d.ros.images import image_to_rgb
from hand_pose_25d.ros.messages import HandPoseArray, hands_to_message, roi_around
from hand_pose_25d.ros.qos import sensor_qos
from hand_pose_25d.ros.received import (
    InfoReader,
    ReceivedCompressedImage,
    ReceivedImage,
    read_compressed_message,
    read_image_message,
)
from hand_pose_25d.ros.receiver import Receiver
from hand_pose_25d.ros.serialized import hands_to_bytes, is_understood

FRAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=9)


def fields(message) -> dict[str, object]:
    names = message.get_fields_and_field_types()
    return {name: getattr(message, name) for name in names}


def big_endian(image: Image) -> bytes:
    """Serialize an image as a machine of the other byte order would."""
    body = struct.pack(">iI", image.header.stamp.sec, image.header.stamp.nanosec)
    for text in (image.header.frame_id, (image.height, image.width), image.encoding):
        body += bytes(-len(body) % 4)
        if isinstance(text, tuple):
            body += struct.pack(">II", *text)
        else:
            body += struct.pack(">I", len(text) + 1) + text.encode() + b"\0"
    body += bytes([image.is_bigendian])
    body += bytes(-len(body) % 4)
    body += struct.pack(">II", image.step, len(image.data)) + image.data.tobytes()
    return b"\0\0\0\0" + body


@settings(max_examples=60, deadline=None)
@given(frame=FRAMES, encoding=FRAMES, height=st.integers(0, 5), big=st.booleans())
def test_an_image_is_read_as_rclpy_reads_it(frame, encoding, height, big):
    image = raw(encoding, 3, height, 9, bytes(range(9 * height)))
    image.is_bigendian = int(big)
    image.header.frame_id = frame
    image.header.stamp.sec, image.header.stamp.nanosec = -7, 123_456_789
    read = read_image_message(serialize_message(image))
    assert isinstance(read, ReceivedImage)
    for name, value in fields(image).items():
        assert np.array_equal(getattr(read, name), value), name


def test_an_image_of_the_other_byte_order():
    image = raw("bgr8", 2, 2, 6, bytes(range(12)))
    set_stamp(image.header, 12.5)
    data = big_endian(image) if struct.pack("=H", 1) == b"\1\0" else serialize_message(image)
    read = read_image_message(data)
    assert (read.header, read.width, read.height, read.step) == (image.header, 2, 2, 6)
    assert image_to_rgb(read)[0, 0].tolist() == [2, 1, 0]
    assert np.array_equal(image_to_rgb(read), image_to_rgb(image))


def test_sixteen_bits_wherever_they_begin_in_the_message():
    for frame in ("", "a", "ab", "abc"):
        image = raw("mono16", 2, 2, 4, np.array([0, 257, 514, 65535], "<u2").tobytes())
        image.header.frame_id = frame
        read = read_image_message(serialize_message(image))
        assert np.array_equal(image_to_rgb(read), image_to_rgb(image))
        assert image_to_rgb(read)[..., 0].tolist() == [[0, 1], [2, 255]]


def test_a_compressed_image_is_read_as_rclpy_reads_it():
    image = CompressedImage(format="jpeg", data=bytes(range(200)))
    set_stamp(image.header, 3.25)
    read = read_compressed_message(serialize_message(image))
    assert isinstance(read, ReceivedCompressedImage)
    assert (read.header, read.format) == (image.header, "jpeg")
    assert bytes(read.data) == bytes(range(200))


@pytest.mark.parametrize("read", [read_image_message, read_compressed_message, InfoReader().read])
@pytest.mark.parametrize(
    "data",
    [b"", b"\0\1", b"\0\1\0\0" + b"\xff" * 40, b"\0\7\0\0" + bytes(3)],
    ids=["empty", "no content", "lengths beyond the end", "another encapsulation"],
)
def test_what_is_no_message_is_refused(read, data):
    with pytest.raises(Exception, match=r".+"):
        read(data)


def test_the_end_of_an_image_is_not_made_up():
    whole = serialize_message(raw("rgb8", 4, 4, 12))
    with pytest.raises(Exception, match=r".+"):
        read_image_message(whole[:-1])


def test_camera_infos_that_differ_in_their_stamp_are_one():
    reader, infos = InfoReader(), []
    for k, focal in enumerate([100.0, 100.0, 120.0, 120.0, 100.0]):
        message = camera_info(96, 64, focal)
        set_stamp(message.header, 5.0 + k)
        info, stamp = reader.read(serialize_message(message))
        assert stamp == (5 + k, 0)
        assert (info.k[0], info.header.frame_id) == (focal, "camera_optical")
        infos.append(info)
    assert infos[0] is infos[1] and infos[2] is infos[3]
    assert infos[1] is not infos[2] and infos[3] is not infos[4]


HANDS = {
    "none": [],
    "one": [hand()],
    "two": [hand(), hand(handedness="right", handedness_score=0.7, track_id=2**32 - 1)],
    "unknown numbers": [
        hand(
            keypoints=np.full((21, 3), np.nan), covariance=np.full((21, 3, 3), np.nan),
            handedness_score=np.nan, state="lost", scale_source="calibrated",
        ),
        hand(pose_score=0.25, wrist_velocity=np.array([0.1, -0.2, 0.3]), track_id=3),
    ],
    "outside": [hand(keypoints_2d=np.full((21, 2), value)) for value in (-50.0, 9.0)],
    "single precision": [hand(keypoints_2d=np.zeros((21, 2), np.float32), score=np.float32(0.3))],
}  # fmt: skip


@pytest.mark.parametrize("frame", ["", "a", "camera_optical", "kamera_ö"])
@pytest.mark.parametrize("name", HANDS)
def test_the_bytes_of_hands_are_those_of_their_message(name, frame):
    header = Header(frame_id=frame)
    set_stamp(header, -1.5)
    message = hands_to_message(HANDS[name], header, 640, 480)
    expected = serialize_message(message)
    data = hands_to_bytes(HANDS[name], header, 640, 480)
    assert data[:4] == expected[:4] and len(data) == len(expected)
    read = deserialize_message(data, HandPoseArray)
    message = deserialize_message(expected, HandPoseArray)
    assert read.header == message.header == header
    assert len(read.hands) == len(message.hands) == len(HANDS[name])
    for ours, theirs in zip(read.hands, message.hands, strict=True):
        for field, value in fields(theirs).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(ours, field), value, err_msg=field)
            else:  # repr: NaN is not equal to NaN
                assert repr(getattr(ours, field)) == repr(value), field


def test_messages_are_made_where_the_bytes_are_not_understood(monkeypatch):
    class Publisher:
        sent: list[object] = []
        topic_name = "hands"

        def publish(self, message: object) -> None:
            self.sent.append(message)

        def get_subscription_count(self) -> int:
            return 1 if self.looked_at else 0

        looked_at = True

    class Node:
        def create_lifecycle_publisher(self, kind, topic, qos):
            publisher = Publisher()
            publisher.looked_at = topic == "hands"
            return publisher

    class Given:
        publish_tf, tf_prefix = False, ""

    header = Header(frame_id="camera")
    assert is_understood(HANDS["unknown numbers"], header, 640, 480)
    for understood, kind in ((True, bytes), (False, HandPoseArray)):
        if not understood:
            monkeypatch.setattr(serialized, "_ENCAPSULATION", b"\0\7\0\0")
        out = outputs.Outputs(Node(), Given())
        Publisher.sent.clear()
        out.publish_hands([], header, 640, 480)
        out.publish_hands(HANDS["two"], header, 640, 480)
        out.publish_hands([], header, 640, 480)
        assert isinstance(Publisher.sent[1], kind)
        assert isinstance(Publisher.sent[2], kind)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ([(10.0, 20.0), (12.0, 25.0)], (10, 20, 3, 6)),
        ([(-5.0, -5.0), (700.0, 500.0)], (0, 0, 640, 480)),
        ([(-9.0, 3.0), (-5.0, 9.0)], (0, 0, 0, 0)),
        ([(np.nan, 3.0), (5.0, np.inf)], (0, 0, 0, 0)),
        ([(np.nan, 3.0), (5.5, 6.5)], (6, 7, 1, 1)),
    ],
)
def test_the_box_of_whole_pixels(pixels, expected):
    assert roi_around(np.array(pixels), 640, 480) == expected


@pytest.fixture
def node(context):
    import rclpy

    node = rclpy.create_node("receives", context=context)
    yield node
    node.destroy_node()


def test_a_publisher_of_another_quality_of_service_is_told_of(node):
    receiver, events = Receiver(node, pytest.fail), []
    subscription = receiver.subscribe(Image, "unlike", events.append, sensor_qos(reliable=True))
    for handler in subscription.event_handlers:
        handler.callback = events.append
    receiver.watch()
    assert not events
    node.create_publisher(Image, "unlike", sensor_qos())
    until(lambda: receiver.watch() or events)
    assert [event.total_count for event in events] == [1]
    receiver.watch()
    assert len(events) == 1
    receiver.close()


def test_a_receiver_takes_what_comes_without_an_executor(node):
    came, faults, threads = [], [], set()

    def take(message: Image) -> None:
        threads.add(threading.current_thread().name)
        if message.width == 13:
            raise ValueError("unlucky")
        came.append(message.width)

    receiver = Receiver(node, faults.append)
    first = node.create_publisher(Image, "first", 10)
    second = node.create_publisher(Image, "second", 10)
    receiver.subscribe(Image, "first", take, sensor_qos())
    receiver.start()
    receiver.subscribe(Image, "second", lambda data: came.append(type(data)), sensor_qos(), True)
    until(lambda: first.get_subscription_count() and second.get_subscription_count())

    def sent(publisher, width: int, result: object, kept: list[object]) -> bool:
        publisher.publish(Image(width=width))
        return any(result == k or isinstance(k, ValueError) for k in kept)

    until(lambda: sent(first, 7, 7, came))
    until(lambda: sent(first, 13, None, faults))
    until(lambda: sent(second, 1, bytes, came))
    until(lambda: sent(first, 8, 8, came))
    assert threads == {"receiver"}
    assert all(str(fault) == "unlucky" for fault in faults)
    receiver.close()
    assert not any(thread.name == "receiver" for thread in threading.enumerate())
    assert not list(node.subscriptions)
    receiver.close()

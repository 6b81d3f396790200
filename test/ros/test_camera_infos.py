"""Which CameraInfo counts for an image, and what is refused or mentioned of it."""

from __future__ import annotations

import array
import time
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import camera_info, set_stamp
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hand_pose_25d.ros.cameras import CameraInfos, camera_from_info
from hand_pose_25d.ros.images import InputError
from hand_pose_25d.ros.inputs import beside_images


def info(focal: float = 500.0, frame: str = "left", stamp: float = 0.0, **changes):
    message = camera_info(640, 480, focal)
    set_stamp(message.header, stamp)
    message.header.frame_id = frame
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def header(frame: str = "left", stamp: float = 5.0) -> Header:
    message = Header()
    set_stamp(message, stamp)
    message.frame_id = frame
    return message


@pytest.mark.parametrize(
    ("infos", "image", "focal", "said"),
    [
        ([info(500, "left", 5), info(900, "right", 5)], header(), 500, []),
        ([info(900, "right", 5), info(500, "left", 5)], header(), 500, []),
        ([info(500, "left", 3), info(900, "right", 4)], header(), 500, []),
        ([info(400, "left", 5), info(500, "left", 6)], header(), 400, []),
        ([info(400, "left", 1), info(500, "left", 2)], header(), 500, []),
        ([info(500, "/left", 5)], header(), 500, []),
        ([info(500, "", 5)], header("left"), 500, []),
        ([info(500, "left", 5)], Header(), 500, []),
        ([info(900, "right", 5)], header(), 900, ["another frame"]),
        ([info(800, "a", 4), info(900, "b", 5), info(700, "a", 6)], header(), 900,
         ["another frame"]),
    ],
)  # fmt: skip
def test_the_infos_of_the_images_frame_count(infos, image, focal, said):
    notes = []
    store = CameraInfos(lambda kind, text: notes.append((kind, text)))
    for message in infos:
        store.add(message)
    assert store.camera(image, 640, 480, False).fx == focal
    assert [kind for kind, _ in notes] == said
    assert all("'right'" in text or "'b'" in text for _, text in notes)


def test_many_frames_do_not_grow_without_end():
    store = CameraInfos()
    for k in range(1000):
        store.add(info(500 + k, f"frame_{k}", float(k)))
    assert store.camera(header("frame_999", 999.0), 640, 480, False).fx == 1499
    assert len(store._by_stamp) == len(store._by_frame) == 16


def matrix(fx=500.0, fy=500.0, cx=319.5, cy=239.5, **more) -> dict:
    k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    for place, value in more.items():
        k[int(place[1:])] = value
    return {"k": k}


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"k": [500.0, 0.0, 0.0, 0.0, 500.0, 0.0, 319.5, 239.5, 1.0]}, "camera matrix",
         "transposed"),
        (matrix(k8=2.0), "camera matrix", "no camera matrix"),
        (matrix(k3=5.0), "camera matrix", "no camera matrix"),
        (matrix(1e6, 1e6), "camera focal", "fx 1e+06"),
        (matrix(1.0, 1.0), "camera focal", "taken are 32 to 32000"),
        (matrix(500.0, 5000.0), "camera ratio", "fx 500 and fy 5000"),
        (matrix(cx=5000.0), "camera centre", "by more than the image's size"),
        (matrix(0.0), "uncalibrated", "not calibrated"),
        ({"distortion_model": "mystery", "d": [0.1]}, "distortion", "unknown distortion model"),
        ({"width": 0}, "camera", "cannot be used"),
    ],
)  # fmt: skip
def test_what_no_camera_has_is_refused(changes, kind, words):
    with pytest.raises(InputError) as caught:
        camera_from_info(info(**changes), False)
    assert caught.value.kind == kind and words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        (matrix(600.0, 300.0), []),
        (matrix(cx=-50.0), ["camera centre"]),
        (matrix(k1=20.0), ["camera skew"]),
        ({"d": [-0.6, 0.0, 0.0, 0.0, 0.0]}, ["camera fold"]),
        ({"d": [-0.3, 0.1, 0.0, 0.0, 0.0]}, []),
        ({"d": [0.0] * 4, "distortion_model": "fisheye", **matrix(150.0, 150.0)}, []),
    ],
)
def test_what_few_cameras_have_is_mentioned_and_used(changes, said):
    notes = []
    camera_from_info(info(**changes), False, lambda kind, text: notes.append(kind))
    assert notes == said


def test_what_is_mentioned_is_mentioned_of_every_image():
    notes = []
    store = CameraInfos(lambda kind, text: notes.append(kind))
    store.add(info(**matrix(cx=-50.0)))
    for _ in range(3):
        store.camera(header(), 640, 480, False)
    assert notes == ["camera centre"] * 3  # so that diagnostics go on saying it; the log is rarer


@pytest.mark.parametrize(
    ("remapped", "info_topic", "compressed"),
    [
        ({}, "camera_info", "image/compressed"),
        ({"image": "/head/image_raw"}, "/head/camera_info", "/head/image_raw/compressed"),
        ({"image": "/robot/rgb"}, "/robot/camera_info", "/robot/rgb/compressed"),
        ({"image": "/head/image_raw", "camera_info": "/other/info"}, "camera_info",
         "/head/image_raw/compressed"),
        ({"camera_info": "/other/info"}, "camera_info", "image/compressed"),
    ],
)  # fmt: skip
def test_topics_beside_the_images(remapped, info_topic, compressed):
    node = SimpleNamespace(
        get_namespace=lambda: "/robot",
        resolve_topic_name=lambda name: remapped.get(name, f"/robot/{name}"),
    )
    assert beside_images(node, "camera_info") == info_topic
    assert beside_images(node, "image/compressed") == compressed


def test_latched_infos_are_heard(start):
    from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
    from sensor_msgs.msg import CameraInfo

    process, client = start("latched", connect=False)
    latched = QoSProfile(
        depth=1,
        durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
        reliability=QoSReliabilityPolicy.RELIABLE,
    )
    client.node.destroy_publisher(client.infos)
    publisher = client.node.create_publisher(CameraInfo, "camera_info", latched)
    message = camera_info()
    message.header.frame_id = "camera_optical"
    publisher.publish(message)  # once
    pixels = np.zeros((64, 96, 3), np.uint8)
    for _ in range(1200):
        image = Image(height=64, width=96, encoding="rgb8", step=288)
        image.data = array.array("B", pixels.tobytes())
        client.send(image, info=None)
        if client.arrays:
            break
        time.sleep(0.1)
    assert client.arrays, process.text

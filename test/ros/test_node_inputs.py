"""Whatever comes in: the node answers what it can, says what it cannot, and goes on."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from conftest import HEIGHT, WIDTH, camera_info, raw, rgb8, set_stamp, stamp_of, until
from sensor_msgs.msg import CompressedImage

from hand_pose_25d.ros.diagnostics import COMPLAINT_PERIOD


@pytest.fixture(scope="module")
def node(start):
    return start("inputs")


def test_header_is_passed_on_and_no_hand_is_an_empty_array(node):
    _, client = node
    image = rgb8()
    image.header.frame_id = "head_camera_optical"
    answer = client.ask(image, stamp=7.123456789)
    assert answer.header == image.header
    assert (answer.header.stamp.sec, answer.header.stamp.nanosec) == (7, 123456789)
    assert list(answer.hands) == []


@pytest.mark.parametrize(
    ("encoding", "bytes_per_row"),
    [
        ("rgb8", 3 * WIDTH), ("bgr8", 3 * WIDTH), ("rgba8", 4 * WIDTH), ("bgra8", 4 * WIDTH),
        ("mono8", WIDTH), ("mono16", 2 * WIDTH), ("rgb16", 6 * WIDTH), ("8UC3", 3 * WIDTH),
        ("bayer_rggb8", WIDTH), ("bayer_bggr8", WIDTH), ("bayer_gbrg8", WIDTH),
        ("bayer_grbg8", WIDTH), ("bayer_rggb16", 2 * WIDTH),
        ("yuv422", 2 * WIDTH), ("yuv422_yuy2", 2 * WIDTH), ("mono8", WIDTH + 13),
    ],
)  # fmt: skip
def test_encodings_are_answered(node, encoding, bytes_per_row):
    _, client = node
    client.ask(raw(encoding, WIDTH, HEIGHT, bytes_per_row))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (raw("rgb8", WIDTH, HEIGHT, 3 * WIDTH, bytes(100)), r"data has \d+ bytes"),
        (raw("rgb8", WIDTH, HEIGHT, 3 * WIDTH, b""), r"data has \d+ bytes"),
        (raw("rgb8", WIDTH, HEIGHT, WIDTH), r"step is \d+"),
        (raw("rgb8", WIDTH, HEIGHT, 0), r"step is \d+"),
        (raw("rgb8", WIDTH, HEIGHT, 2**31, b"x"), r"data has \d+ bytes"),
        (raw("rgb8", 0, 0, 0), "without pixels"),
        (raw("rgb8", 0, 4, 0), "without pixels"),
        (raw("bayer_rggb8", 1, 1, 1), "at least 3 x 3 pixels"),
        (raw("yuv422", 3, 2, 6), "must be even"),
        (raw("hsv32", WIDTH, HEIGHT, 4 * WIDTH), "'hsv32' is not known; known are rgb8, "),
        (raw("", WIDTH, HEIGHT, 4 * WIDTH), "encoding '' is not known"),
        (
            raw("32FC3", WIDTH, HEIGHT, 12 * WIDTH,
                np.full((HEIGHT, WIDTH, 3), np.nan, np.float32).tobytes()),
            "'32FC3' is not known",
        ),
    ],
    ids=["truncated", "no-data", "short-step", "no-step", "huge-step", "0x0", "0x4", "bayer-1x1",
         "odd-yuv", "unknown", "no-encoding", "nan-floats"],
)  # fmt: skip
def test_malformed_images_are_reported_and_survived(node, image, words):
    process, client = node
    client.problems.clear()
    sent = set()

    def send() -> None:
        client.send(image)
        sent.add(stamp_of(image))

    client.told(words, send)
    client.ask()
    assert sent.isdisjoint(map(stamp_of, client.arrays))
    assert process.alive


@pytest.mark.parametrize("size", [(1, 1), (3, 2)])
def test_images_of_a_few_pixels(node, size):
    _, client = node
    width, height = size
    client.ask(raw("mono8", width, height, width))
    client.ask()


def test_8k(start):
    # 33 MB do not survive best effort over the small buffers that Linux has by default.
    _, client = start("huge", reliable=True, reliability="reliable")
    client.ask(raw("mono8", 7680, 4320, 7680))
    client.ask()


@pytest.mark.parametrize(
    "stamps", [(0.0, 0.0), (50.0, 50.0, 50.0), (60.0, 10.0, 10.1), (1e9, 1.0)]
)
def test_stamps_of_any_kind(node, stamps):
    _, client = node
    for stamp in stamps:
        client.arrays.clear()
        assert client.ask(stamp=stamp).header.stamp.sec == int(stamp)


def test_a_clock_that_jumps_back_is_reported(node):
    process, client = node
    client.ask(stamp=2000.0)
    before = process.count("Stamps went back")
    client.ask(stamp=1000.0)
    until(lambda: process.count("Stamps went back by 1000.000 s") > 0)
    assert process.count("Stamps went back") == before + 1


def test_images_out_of_order_are_answered_and_said_once(node):
    process, client = node
    began = time.monotonic()
    client.ask(stamp=3000.0)
    before = process.count("Stamps went back")
    for stamp in (3000.04, 3000.033, 3000.1, 3000.093):
        client.arrays.clear()
        assert client.ask(stamp=stamp).header.stamp.nanosec == round((stamp - 3000) * 1e9)
    until(lambda: process.count("0.007 s late, after a newer one") > 0)
    periods = (time.monotonic() - began) / COMPLAINT_PERIOD  # one line in each
    assert process.count("0.007 s late, after a newer one") <= 1 + int(periods)
    assert process.count("Stamps went back") == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": [0.0] * 9}, "not calibrated"),
        ({"width": 640, "height": 480}, "its CameraInfo says 640 x 480"),
        ({"k": [float("nan")] * 9}, "cannot be used"),
        ({"k": [-5.0] + [1.0] * 8}, "cannot be used"),
        ({"distortion_model": "mystery", "d": [0.1]}, "unknown distortion model 'mystery'"),
        ({"d": [0.1, 0.2]}, "takes 0, 4 or 5 coefficients, got 2"),
    ],
)
def test_bad_camera_infos_are_reported_and_survived(node, change, words):
    process, client = node
    info = camera_info()
    for key, value in change.items():
        setattr(info, key, value)
    client.problems.clear()
    image, sent = rgb8(), set()

    def send() -> None:
        client.send(image, info)
        sent.add(stamp_of(image))

    client.told(words, send)
    client.ask()
    assert sent.isdisjoint(map(stamp_of, client.arrays))
    assert process.alive


def test_a_camera_info_that_changes_counts_from_the_next_image_on(node):
    _, client = node
    for width, height in ((64, 48), (48, 64), (64, 48)):
        client.ask(rgb8(np.zeros((height, width, 3), np.uint8)), camera_info(width, height))


def test_roi_and_binning(node):
    _, client = node
    info = camera_info(400, 300)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 100, 50, 200, 100
    info.binning_x = info.binning_y = 2
    client.ask(rgb8(np.zeros((50, 100, 3), np.uint8)), info)


def test_without_camera_info_then_late(start):
    process, client = start("late", connect=False)
    while not process.count("no CameraInfo has come yet"):
        client.send(rgb8(), None)
        time.sleep(0.1)
    process.wait_for("no message on .*/camera_info for 5 s; it has 1 publisher")
    assert client.arrays == []
    client.connected()
    client.ask(info=None)  # the newest counts where there is none of the same stamp


def test_reliable_publishers_are_heard(start):
    _, client = start("reliable", reliable=True)
    assert list(client.ask().hands) == []


def test_compressed_images(start):
    process, client = start("compressed", image_transport="compressed")
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for extension in (".jpg", ".png"):
        good = cv2.imencode(extension, pixels)[1].tobytes()
        image = CompressedImage(format=extension[1:], data=good)
        assert client.ask(image).header.frame_id == "camera_optical"
    for data, words in ((b"", "0 bytes"), (b"no image", "8 bytes"), (good[:40], "compressed")):
        client.problems.clear()
        message = CompressedImage(format="jpeg", data=data)
        client.told(words, lambda message=message: client.send(message))
    message = CompressedImage(format="jpeg", data=cv2.imencode(".jpg", pixels)[1].tobytes())
    set_stamp(message.header, 9.0)
    client.ask(message)
    assert process.alive

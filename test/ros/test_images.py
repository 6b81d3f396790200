"""Encodings against colours that are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from conftest import raw
from sensor_msgs.msg import CompressedImage

from hand_pose_25d.ros.images import InputError, compressed_to_rgb, image_to_rgb, rgb_to_image

WIDTH, HEIGHT = 16, 8
COLOR = np.array([200, 120, 40], np.uint8)  # RGB
GRAY = 91


def plane(values) -> np.ndarray:
    return np.broadcast_to(np.asarray(values), (HEIGHT, WIDTH, np.size(values)))


def bayer(pattern: str) -> np.ndarray:
    mosaic = np.empty((HEIGHT, WIDTH), np.uint8)
    for i, letter in enumerate(pattern):
        mosaic[i // 2 :: 2, i % 2 :: 2] = COLOR["rgb".index(letter)]
    return mosaic


def yuv(order: str) -> np.ndarray:

    # ITU-R BT.601 with the limited range that YUYV and UYVY have.
    r, g, b = COLOR / 255.0
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    pair = {"uyvy": [u, y, v, y], "yuyv": [y, u, y, v]}[order]
    return np.tile(np.round(pair).astype(np.uint8), (HEIGHT, WIDTH // 2))


def deep(values, endian: str = "<") -> np.ndarray:
    return (plane(values).astype(f"{endian}u2") * 257).astype(f"{endian}u2")


@pytest.mark.parametrize(
    ("encoding", "pixels", "expected", "tolerance"),
    [
        ("rgb8", plane(COLOR), COLOR, 0),
        ("bgr8", plane(COLOR[::-1]), COLOR, 0),
        ("8UC3", plane(COLOR[::-1]), COLOR, 0),
        ("rgba8", plane([*COLOR, 7]).astype(np.uint8), COLOR, 0),
        ("bgra8", plane([*COLOR[::-1], 7]).astype(np.uint8), COLOR, 0),
        ("mono8", plane(np.uint8(GRAY)), [GRAY] * 3, 0),
        ("rgb16", deep(COLOR), COLOR, 0),
        ("bgr16", deep(COLOR[::-1]), COLOR, 0),
        ("mono16", deep(GRAY), [GRAY] * 3, 0),
        ("bayer_rggb8", bayer("rggb"), COLOR, 0),
        ("bayer_bggr8", bayer("bggr"), COLOR, 0),
        ("bayer_gbrg8", bayer("gbrg"), COLOR, 0),
        ("bayer_grbg8", bayer("grbg"), COLOR, 0),
        ("yuv422", yuv("uyvy"), COLOR, 3),
        ("yuv422_yuy2", yuv("yuyv"), COLOR, 3),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_encodings(encoding, pixels, expected, tolerance, padding):
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(HEIGHT, -1)
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=255).tobytes()
    message = raw(encoding, WIDTH, HEIGHT, rows.shape[1] + padding, data)
    rgb = image_to_rgb(message)
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert rgb.dtype == np.uint8
    assert np.abs(rgb.astype(int) - np.array(expected)).max() <= tolerance


def test_big_endian():
    data = deep(GRAY, ">").tobytes()
    message = raw("mono16", WIDTH, HEIGHT, 2 * WIDTH, data)
    message.is_bigendian = 1
    assert (image_to_rgb(message) == GRAY).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rgb8", 0, 5, 0, b""), "an image without pixels (0 x 5)"),
        (("rgb8", 4, 4, 11, bytes(44)), "step is 11, a row takes at least 12 bytes"),
        (("rgb8", 4, 4, 12, bytes(47)), "data has 47 bytes, step x rows are 48"),
        (
            ("32FC1", 4, 4, 16, bytes(64)),
            "the image encoding '32FC1' is not known; known are rgb8",
        ),
        (("yuv422", 3, 4, 6, bytes(24)), "the width must be even"),
        (("nv12", 4, 3, 4, bytes(24)), "width and height must be even"),
        (("bayer_rggb8", 2, 2, 2, bytes(4)), "at least 3 x 3 pixels"),
    ],
)
def test_what_is_wrong_is_named(arguments, words):
    with pytest.raises(InputError) as caught:
        image_to_rgb(raw(*arguments))
    assert words in str(caught.value)


def test_compressed_png_is_exact():
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    data = cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()
    assert (compressed_to_rgb(CompressedImage(format="png", data=data)) == pixels).all()


@pytest.mark.parametrize("data", [b"", b"nonsense"])
def test_compressed_nonsense(data):
    with pytest.raises(InputError, match=f"^{len(data)} bytes of a compressed image"):
        compressed_to_rgb(CompressedImage(format="jpeg", data=data))


def test_there_and_back():
    pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    message = rgb_to_image(pixels, CompressedImage().header)
    assert (image_to_rgb(message) == pixels).all()

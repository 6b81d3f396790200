"""Encodings against colours that are known, with each kind of cv_bridge and without one.

PyPI's cv_bridge is itself where it is installed.  apt's needs ROS 2 from apt: `AptBridge` has its
documented behaviour (github.com/ros-perception/vision_opencv, python/cv_bridge/core.py and
src/cv_bridge.cpp of Humble to Kilted).
"""

from __future__ import annotations

import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from conftest import raw
from sensor_msgs.msg import CompressedImage

from hand_pose_25d.ros import images
from hand_pose_25d.ros.images import InputError, compressed_to_rgb, image_to_rgb, rgb_to_image

WIDTH, HEIGHT = 16, 8
COLOR = np.array([200, 120, 40], np.uint8)  # RGB
GRAY = 91


class AptBridge:
    """Rows are `step` rounded down to whole pixels; colours by name, 16 bits scaled to 8."""

    KINDS = {
        **{f"{name}{bits}": (len(name), bits) for name in ("rgb", "bgr") for bits in (8, 16)},
        **{f"{name}{bits}": (4, bits) for name in ("rgba", "bgra") for bits in (8, 16)},
        **{f"mono{bits}": (1, bits) for bits in (8, 16)},
        **{f"bayer_{p}{b}": (1, b) for p in ("rggb", "bggr", "gbrg", "grbg") for b in (8, 16)},
        "yuv422": (2, 8), "yuv422_yuy2": (2, 8), "8UC1": (1, 8), "8UC3": (3, 8), "32FC3": (3, 32),
    }  # fmt: skip
    CODES = {
        "bgr": cv2.COLOR_BGR2RGB, "rgba": cv2.COLOR_RGBA2RGB, "bgra": cv2.COLOR_BGRA2RGB,
        "mono": cv2.COLOR_GRAY2RGB, "yuv422": cv2.COLOR_YUV2RGB_UYVY,
        "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2, "bayer_rggb": cv2.COLOR_BayerBG2RGB,
        "bayer_bggr": cv2.COLOR_BayerRG2RGB, "bayer_gbrg": cv2.COLOR_BayerGR2RGB,
        "bayer_grbg": cv2.COLOR_BayerGB2RGB,
    }  # fmt: skip

    def imgmsg_to_cv2(self, message, desired_encoding="passthrough"):
        if message.encoding not in self.KINDS:
            raise TypeError(f"Unrecognized image encoding [{message.encoding}]")  # CvBridgeError
        channels, bits = self.KINDS[message.encoding]
        dtype = np.dtype({8: "u1", 16: "u2", 32: "f4"}[bits])
        dtype = dtype.newbyteorder(">" if message.is_bigendian else "<")
        shape = (message.height, int(message.step / dtype.itemsize / channels), channels)
        pixels = np.ndarray(shape, dtype, buffer=message.data)[:, : message.width]
        pixels = np.ascontiguousarray(pixels)
        if message.is_bigendian == (sys.byteorder == "little"):
            pixels = pixels.byteswap().newbyteorder()
        name = message.encoding.removesuffix("16").removesuffix("8")
        if desired_encoding != "rgb8" or name[:1].isdigit():
            raise TypeError(f"[{message.encoding}] is not a color format")  # CvBridgeError
        if name in self.CODES:
            pixels = cv2.cvtColor(pixels, self.CODES[name])
        return cv2.convertScaleAbs(pixels, alpha=255 / 65535) if bits == 16 else pixels


class BrokenBridge:
    """Answers every image with what is no RGB image of its size."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def imgmsg_to_cv2(self, message, desired_encoding="passthrough"):
        return self.answer


@pytest.fixture(params=["pypi", "apt", "none"])
def bridge(request, monkeypatch):
    """Each kind of cv_bridge in turn."""
    if request.param == "pypi":
        module = pytest.importorskip("cv_bridge", reason="pip install cv-bridge")
        monkeypatch.setattr(images, "_bridge", module.CvBridge())
    elif request.param == "apt":
        monkeypatch.setattr(images, "_bridge", AptBridge())
    else:
        monkeypatch.setattr(images, "_bridge", None)
        monkeypatch.setattr(images, "_bridge_missing", "No module named 'cv_bridge'")
    return request.param


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
        ("rgba16", deep([*COLOR, 7]), COLOR, 0),
        ("bgra16", deep([*COLOR[::-1], 7]), COLOR, 0),
        ("mono16", deep(GRAY), [GRAY] * 3, 0),
        ("8UC1", plane(np.uint8(GRAY)), [GRAY] * 3, 0),
        ("8UC4", plane([*COLOR[::-1], 7]).astype(np.uint8), COLOR, 0),
        ("bayer_rggb8", bayer("rggb"), COLOR, 0),
        ("bayer_bggr8", bayer("bggr"), COLOR, 0),
        ("bayer_gbrg8", bayer("gbrg"), COLOR, 0),
        ("bayer_grbg8", bayer("grbg"), COLOR, 0),
        ("bayer_rggb16", bayer("rggb").astype("<u2") * 257, COLOR, 0),
        ("bayer_grbg16", bayer("grbg").astype("<u2") * 257, COLOR, 0),
        ("yuv422", yuv("uyvy"), COLOR, 3),
        ("uyvy", yuv("uyvy"), COLOR, 3),
        ("yuv422_yuy2", yuv("yuyv"), COLOR, 3),
        ("yuyv", yuv("yuyv"), COLOR, 3),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_encodings(bridge, encoding, pixels, expected, tolerance, padding):
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(HEIGHT, -1)
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=255).tobytes()
    message = raw(encoding, WIDTH, HEIGHT, rows.shape[1] + padding, data)
    rgb = image_to_rgb(message)
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert rgb.dtype == np.uint8
    assert np.abs(rgb.astype(int) - np.array(expected)).max() <= tolerance


@pytest.mark.parametrize("encoding", ["mono16", "mono8"])
def test_big_endian(bridge, encoding):
    pixels = deep(GRAY, ">") if encoding == "mono16" else plane(np.uint8(GRAY))
    data = pixels.tobytes()
    message = raw(encoding, WIDTH, HEIGHT, len(data) // HEIGHT, data)
    message.is_bigendian = 1
    assert (image_to_rgb(message) == GRAY).all()


@pytest.mark.parametrize(
    "answer",
    [None, np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH // 2, 3), np.uint8),
     np.zeros((HEIGHT, WIDTH, 3), np.uint16)],
)  # fmt: skip
def test_what_a_bridge_gets_wrong_is_not_believed(monkeypatch, answer):
    monkeypatch.setattr(images, "_bridge", BrokenBridge(answer))
    message = raw("bgr8", WIDTH, HEIGHT, 3 * WIDTH, plane(COLOR[::-1]).tobytes())
    assert (image_to_rgb(message) == COLOR).all()


def test_an_encoding_that_only_the_bridge_knows(monkeypatch):
    answer = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
    monkeypatch.setattr(images, "_bridge", BrokenBridge(answer))
    assert (image_to_rgb(raw("new8", WIDTH, HEIGHT, WIDTH)) == 7).all()


@pytest.mark.parametrize("encoding", ["32FC1", "32FC3", "hsv32", "", "8UC2", "16UC1", "x" * 5000])
def test_unknown_encodings_are_one_message(bridge, encoding):
    with pytest.raises(InputError) as caught:
        image_to_rgb(raw(encoding, WIDTH, HEIGHT, 12 * WIDTH))
    said = str(caught.value)
    assert f"encoding {encoding[:40]!r} is not known; known are rgb8, " in said
    assert ("pip install cv-bridge" in said) == (bridge == "none")
    assert caught.value.kind == "encoding" and len(said) < 800


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rgb8", 0, 5, 0, b""), "an image without pixels (0 x 5)"),
        (("rgb8", 4, 4, 11, bytes(44)), "step is 11, a row takes at least 12 bytes"),
        (("rgb8", 4, 4, 12, bytes(47)), "data has 47 bytes, step x rows are 48"),
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
    with pytest.raises(InputError, match=f"{len(data)} bytes that are no JPEG"):
        compressed_to_rgb(CompressedImage(format="jpeg", data=data))


def png_of(width: int, height: int) -> bytes:
    """A PNG of so many black pixels, one bit each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )  # fmt: skip


def test_few_bytes_of_many_pixels_are_not_decoded():
    assert compressed_to_rgb(CompressedImage(format="png", data=png_of(64, 32))).shape[:2] == (
        32,
        64,
    )
    data = png_of(16000, 16000)
    assert len(data) < 40_000
    with pytest.raises(
        InputError, match="says 16000 x 16000 pixels; allowed are 1 to 134 million"
    ):
        compressed_to_rgb(CompressedImage(format="png", data=data))


def test_there_and_back():
    pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    message = rgb_to_image(pixels, CompressedImage().header)
    assert (image_to_rgb(message) == pixels).all()

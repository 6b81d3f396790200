"""Size and orientation of encoded images, before they are decoded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from exif import jpeg_with_orientation
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_25d.io.image_header import read_header

IMAGE = np.random.default_rng(0).integers(0, 255, (37, 53, 3), dtype=np.uint8)
ENCODED = {
    suffix: cv2.imencode(suffix, IMAGE)[1].tobytes()
    for suffix in (".jpg", ".png", ".bmp", ".webp", ".tiff")
}


@pytest.mark.parametrize(
    ("suffix", "name"),
    [(".jpg", "JPEG"), (".png", "PNG"), (".bmp", "BMP"), (".webp", "WebP"), (".tiff", "TIFF")],
)
def test_sizes(suffix, name):
    header = read_header(ENCODED[suffix])
    assert (header.format, header.width, header.height) == (name, 53, 37)
    assert header.orientation == 1


@pytest.mark.parametrize("quality", [30, 90, 101])  # above 100: lossless
def test_webp_of_both_kinds(quality):
    data = cv2.imencode(".webp", IMAGE, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
    header = read_header(data)
    assert (header.width, header.height) == (53, 37)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("written", "read"), [*((n, n) for n in range(1, 9)), (0, 1), (99, 1)])
def test_orientations_of_jpegs(order, written, read):
    header = read_header(jpeg_with_orientation(IMAGE, written, order))
    assert (header.width, header.height, header.orientation) == (53, 37, read)


@pytest.mark.parametrize("data", [b"", b"no image", b"\xff\xd8\xff", b"BM", b"II*\0", b"RIFF"])
def test_what_is_none(data):
    assert read_header(data) is None


@given(st.sampled_from(sorted(ENCODED)), st.integers(0, 200), st.data())
def test_whatever_comes_ends_in_an_answer(suffix, length, data):
    encoded = bytearray(ENCODED[suffix][:length])
    for at in data.draw(st.lists(st.integers(0, 199), max_size=5)):
        if at < len(encoded):
            encoded[at] = data.draw(st.integers(0, 255))
    header = read_header(bytes(encoded))
    assert header is None or (header.width >= 0 and 1 <= header.orientation <= 8)

"""Which depth image belongs to which image, and which can be used."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest
from conftest import raw, set_stamp

from hand_pose_25d.ros import depth_images
from hand_pose_25d.ros.depth_images import DepthImages, depth_of
from hand_pose_25d.ros.images import InputError

LONG = 3600.0  # seconds that nothing here waits for


def depth_image(stamp: float = 1.0, values: np.ndarray | None = None):
    values = np.full((3, 4), 600, np.uint16) if values is None else values
    encoding = "16UC1" if values.dtype == np.uint16 else "32FC1"
    height, width = values.shape
    message = raw(encoding, width, height, width * values.itemsize, values.tobytes())
    message.is_bigendian = int(sys.byteorder == "big")
    set_stamp(message.header, stamp)
    return message


def test_the_nearest_stamp_counts():
    depths = DepthImages()
    for stamp in (1.0, 1.033, 1.066):
        depths.add(depth_image(stamp))
    assert depths.find(1.030, 0.02).header.stamp.nanosec == 33_000_000
    with pytest.raises(InputError, match=r"stamp is -0.034 s from the image's, depth_tolerance"):
        depths.find(1.1, 0.02, wait=0.0)


def test_without_any_it_is_said():
    with pytest.raises(InputError, match="no depth image has come"):
        DepthImages().find(1.0, 0.02)


def test_an_image_waits_for_its_depth_while_depth_comes(monkeypatch):
    monkeypatch.setattr(depth_images, "_COMING", LONG)
    depths = DepthImages()
    depths.add(depth_image(1.0))
    timer = threading.Timer(0.05, lambda: depths.add(depth_image(1.033)))
    timer.start()
    started = time.monotonic()
    assert depths.find(1.034, 0.005, wait=LONG).header.stamp.nanosec == 33_000_000
    with pytest.raises(InputError, match="depth_tolerance"):
        depths.find(1.02, 0.005, wait=LONG)  # a later one has come: it will not
    assert time.monotonic() - started < LONG


@pytest.mark.parametrize(
    "values", [np.arange(12, dtype=np.uint16).reshape(3, 4),
               np.arange(12, dtype=np.float32).reshape(3, 4)],
    ids=["16UC1", "32FC1"],
)  # fmt: skip
def test_values_come_back_in_both_orders_of_bytes(values):
    message = depth_image(values=values)
    assert depth_of(message, 4, 3).dtype == values.dtype
    assert (depth_of(message, 4, 3) == values).all()
    swapped = depth_image(values=values.byteswap())
    swapped.is_bigendian = 1 - swapped.is_bigendian
    assert (depth_of(swapped, 4, 3) == values).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoding": "rgb8"}, "encoding is 'rgb8'; known are 16UC1"),
        ({"width": 8}, "it is 8 x 3 px, the image 4 x 3; register it"),
        ({"step": 2}, "step is 2"),
        ({"data": b"123"}, "data has 3 bytes"),
        ({"data": bytes(24)}, "no pixel of it has a value"),
    ],
)
def test_what_cannot_be_used_is_named(change, words):
    message = depth_image()
    for key, value in change.items():
        setattr(message, key, value)
    with pytest.raises(InputError, match=words):
        depth_of(message, 4, 3)


def test_not_a_number_everywhere_is_nothing():
    with pytest.raises(InputError, match="no pixel of it has a value"):
        depth_of(depth_image(values=np.full((3, 4), np.nan, np.float32)), 4, 3)

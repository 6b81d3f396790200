"""Frame: an image and its camera, checked once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hand_pose_25d import Camera, Frame

CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)
IMAGE = np.zeros((480, 640, 3), dtype=np.uint8)


def test_a_frame_is_contiguous_and_knows_its_size():
    flipped = IMAGE[:, ::-1]
    frame = Frame(flipped, CAMERA, 1.5)
    assert frame.size == (640, 480) and frame.stamp == 1.5
    assert frame.image.flags.c_contiguous and not flipped.flags.c_contiguous
    assert Frame(IMAGE, CAMERA).image is IMAGE


@pytest.mark.parametrize(
    ("image", "camera", "stamp", "error", "message"),
    [
        ([[1]], CAMERA, 0.0, TypeError, "numpy array.*got list"),
        (IMAGE, "camera", 0.0, TypeError, "hand_pose_25d.Camera, got str"),
        (IMAGE[..., :1], CAMERA, 0.0, ValueError, r"\(480, 640, 1\)"),
        (IMAGE / 255, CAMERA, 0.0, ValueError, "float64"),
        (IMAGE[:0], CAMERA, 0.0, ValueError, "not empty"),
        (IMAGE[:240], CAMERA, 0.0, ValueError, "640 x 240 px.*640 x 480.*camera.scaled"),
        (IMAGE, CAMERA, math.nan, ValueError, "stamp"),
        (IMAGE, CAMERA, math.inf, ValueError, "stamp"),
        (IMAGE, CAMERA, 1e300, ValueError, "stamp"),
        (IMAGE, CAMERA, 10**400, ValueError, "stamp"),
        (IMAGE, CAMERA, "1.5", ValueError, "stamp .* got '1.5'"),
    ],
)
def test_what_is_no_frame_is_named(image, camera, stamp, error, message):
    with pytest.raises(error, match=message):
        Frame(image, camera, stamp)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_depth_of_the_images_size(kind):
    depth = np.ones((480, 640), kind)
    assert Frame(IMAGE, CAMERA, depth=depth).depth is depth


@pytest.mark.parametrize(
    ("depth", "error", "message"),
    [
        ([[1]], TypeError, "depth must be a numpy array.*got list"),
        (np.ones((480, 640)), ValueError, "uint16 in mm or float32 in m, got float64"),
        (np.ones((480, 640), np.uint8), ValueError, "got uint8"),
        (np.ones((480, 640, 1), np.uint16), ValueError, r"got uint16 of \(480, 640, 1\)"),
        (np.ones((240, 320), np.uint16), ValueError, "320 x 240 px, the image 640 x 480.*regist"),
    ],
)
def test_what_is_no_depth_is_named(depth, error, message):
    with pytest.raises(error, match=message):
        Frame(IMAGE, CAMERA, depth=depth)

"""Raw images as sensor_msgs/image_encodings.hpp defines them -> RGB, without ROS.

The node and the readers of bags share these tables, so that an image has the same pixels for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

Convert = Callable[[np.ndarray], np.ndarray]


def by_opencv(code: int) -> Convert:
    """Return the conversion of one of OpenCV's codes."""
    return lambda pixels: cv2.cvtColor(pixels, code)


def _deep(convert: Convert) -> Convert:
    """Bring 16 bits to 8 before converting, the whole range to the whole range."""
    return lambda pixels: convert(cv2.convertScaleAbs(pixels, alpha=255 / 65535))


_RGB = np.ascontiguousarray
_BGR, _GRAY = by_opencv(cv2.COLOR_BGR2RGB), by_opencv(cv2.COLOR_GRAY2RGB)
_RGBA, _BGRA = by_opencv(cv2.COLOR_RGBA2RGB), by_opencv(cv2.COLOR_BGRA2RGB)
# OpenCV names a Bayer pattern by its second row and column, ROS by its first: rggb is "BayerBG".
_BAYER = {
    "rggb": by_opencv(cv2.COLOR_BayerBG2RGB),
    "bggr": by_opencv(cv2.COLOR_BayerRG2RGB),
    "gbrg": by_opencv(cv2.COLOR_BayerGR2RGB),
    "grbg": by_opencv(cv2.COLOR_BayerGB2RGB),
}

PACKED: dict[str, tuple[int, Any, Convert]] = {
    "rgb8": (3, np.uint8, _RGB),
    "bgr8": (3, np.uint8, _BGR),
    "8UC3": (3, np.uint8, _BGR),  # OpenCV's own order
    "rgba8": (4, np.uint8, _RGBA),
    "bgra8": (4, np.uint8, _BGRA),
    "8UC4": (4, np.uint8, _BGRA),
    "mono8": (1, np.uint8, _GRAY),
    "8UC1": (1, np.uint8, _GRAY),
    "rgb16": (3, np.uint16, _deep(_RGB)),
    "bgr16": (3, np.uint16, _deep(_BGR)),
    "rgba16": (4, np.uint16, _deep(_RGBA)),
    "bgra16": (4, np.uint16, _deep(_BGRA)),
    "mono16": (1, np.uint16, _deep(_GRAY)),
    "yuv422": (2, np.uint8, by_opencv(cv2.COLOR_YUV2RGB_UYVY)),
    "uyvy": (2, np.uint8, by_opencv(cv2.COLOR_YUV2RGB_UYVY)),
    "yuv422_yuy2": (2, np.uint8, by_opencv(cv2.COLOR_YUV2RGB_YUY2)),
    "yuyv": (2, np.uint8, by_opencv(cv2.COLOR_YUV2RGB_YUY2)),
    **{f"bayer_{name}8": (1, np.uint8, convert) for name, convert in _BAYER.items()},
    **{f"bayer_{name}16": (1, np.uint16, _deep(convert)) for name, convert in _BAYER.items()},
}
"""Encoding: channels, type of one, conversion of (H, W) or (H, W, channels) pixels."""
PLANAR = {"nv12": cv2.COLOR_YUV2RGB_NV12, "nv21": cv2.COLOR_YUV2RGB_NV21}
"""Encoding: OpenCV's code.  A plane of brightness with half a plane of colour below it."""
ENCODINGS: tuple[str, ...] = (*PACKED, *PLANAR)
"""All that are known here."""

"""Images as ROS sends them -> RGB arrays.

Header, size, `step` and the length of `data` are checked here.  Then `cv_bridge` converts what it
knows; it comes in two kinds (apt's calls C++, PyPI's is Python) that know different encodings.
What it refuses is looked up in the tables of `io.encodings`, which work with every cv_bridge and
without one.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import Image

from hand_pose_25d.io.encodings import ENCODINGS, PACKED, PLANAR, by_opencv
from hand_pose_25d.io.images import decode_image, image_header

try:
    from cv_bridge import CvBridge

    _bridge: Any = CvBridge()
    _bridge_missing = ""
except Exception as error:  # not installed, or built for another NumPy, which raises many types
    _bridge, _bridge_missing = None, str(error) or type(error).__name__

INSTALL_BRIDGE = "apt install ros-$ROS_DISTRO-cv-bridge, or pip install cv-bridge"


class InputError(ValueError):
    """A message that cannot be used.  `kind` is the same for all messages with the same fault."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


# cv_bridge is not asked: nothing is to be converted, or it does not say which channel is which.
_OWN = ("rgb8", "8UC1", "8UC3", "8UC4")


def image_to_rgb(message: Any) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB pixels of a sensor_msgs/Image.

    Raises InputError, which says what is wrong, for whatever cannot be converted.
    """
    encoding, height, width = message.encoding, message.height, message.width
    size = f"{width} x {height} image in {encoding!r}"
    if height < 1 or width < 1:
        raise InputError("empty", f"an image without pixels ({width} x {height})")
    if encoding in PLANAR:
        if width % 2 or height % 2:
            raise InputError("odd", f"{size}: width and height must be even")
        rows = image_rows(message, height * 3 // 2, width, size)
        return _convert(by_opencv(PLANAR[encoding]), rows, size)
    if encoding not in PACKED:
        return _unknown(message, size)
    channels, kind, convert = PACKED[encoding]
    if channels == 2 and width % 2:
        raise InputError("odd", f"{size}: the width must be even")
    if encoding.startswith("bayer") and min(width, height) < 3:
        raise InputError("tiny", f"{size}: a Bayer pattern needs at least 3 x 3 pixels")
    rows = image_rows(message, height, width * channels * np.dtype(kind).itemsize, size)
    pixels = typed_rows(rows, kind)
    if pixels.itemsize > 1 and bool(message.is_bigendian) != (sys.byteorder == "big"):
        pixels = pixels.byteswap()
    if encoding not in _OWN:
        converted = _by_bridge(pixels, height, width, encoding)
        if converted is not None:
            return converted
    if channels > 1:
        pixels = pixels.reshape(height, width, channels)
    return _convert(convert, pixels, size)


def compressed_to_rgb(message: Any) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB pixels of a sensor_msgs/CompressedImage (JPEG, PNG, ...).

    A camera's orientation is its calibration's business: what EXIF says of it is not applied.

    Raises InputError where nothing can be decoded.
    """
    return _decoded(message, decode_image)


def compressed_size(message: Any) -> tuple[int, int]:
    """Return width and height (px) that the header of a sensor_msgs/CompressedImage says.

    Raises InputError where it says none, or too much.
    """
    header = _decoded(message, image_header)
    return header.width, header.height


def rgb_to_image(pixels: np.ndarray, header: Any) -> Image:
    """Make a sensor_msgs/Image (rgb8) of (H, W, 3) uint8 RGB pixels."""
    height, width = pixels.shape[:2]
    message = Image(header=header, height=height, width=width, encoding="rgb8", step=3 * width)
    # An array.array is taken as it is; anything else would be checked byte by byte.
    message.data = array("B", np.ascontiguousarray(pixels).tobytes())
    return message


def _decoded(message: Any, decode: Callable[[Any], Any]) -> Any:
    try:
        return decode(message.data)
    except ValueError as error:
        raise InputError(
            "compressed", f"a compressed image ({message.format[:40]!r}): {error}"
        ) from error


def _by_bridge(pixels: np.ndarray, height: int, width: int, encoding: str) -> np.ndarray | None:
    """Return what cv_bridge makes of rows without padding; None where that is no RGB image.

    It gets bytes of this machine's order: one kind of cv_bridge overlooks `step`, the other rounds
    it to whole pixels, and both swap bytes with a method that NumPy 2 has not got.
    """
    if _bridge is None:
        return None
    tight = SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"),
        step=pixels.nbytes // height,
        data=pixels.reshape(-1).view(np.uint8),
    )
    try:
        converted = _bridge.imgmsg_to_cv2(tight, "rgb8")
    except Exception:  # CvBridgeError, KeyError, cv2.error, ...: it does not know this encoding
        return None
    good = (
        isinstance(converted, np.ndarray)
        and converted.shape == (height, width, 3)
        and converted.dtype == np.uint8
    )
    return converted if good else None


def _unknown(message: Any, size: str) -> np.ndarray:
    """Convert what only cv_bridge may know; raise InputError where it does not either."""
    rows = image_rows(message, message.height, 1, size, whole=True)
    converted = _by_bridge(rows, message.height, message.width, message.encoding)
    if converted is not None:
        return converted
    advice = ""
    if _bridge is None:
        advice = (
            f"; cv_bridge may know more, but cannot be imported ({_bridge_missing}): "
            f"install it with {INSTALL_BRIDGE}"
        )
    raise InputError(
        "encoding",
        f"the image encoding {message.encoding[:40]!r} is not known; known are "
        f"{', '.join(ENCODINGS)}{advice}",
    )


def image_rows(
    message: Any, height: int, row_bytes: int, size: str, whole: bool = False
) -> np.ndarray:
    """Return the (height, row_bytes) uint8 of the image, without what pads its rows.

    whole: keep the padding, as (height, step).
    """
    step = message.step
    data = np.frombuffer(message.data, dtype=np.uint8)
    if step < row_bytes:
        raise InputError("step", f"{size}: step is {step}, a row takes at least {row_bytes} bytes")
    if data.size < step * height:
        raise InputError(
            "truncated", f"{size}: data has {data.size} bytes, step x rows are {step * height}"
        )
    rows = data[: step * height].reshape(height, step)
    return rows if whole else rows[:, :row_bytes]


def typed_rows(rows: np.ndarray, kind: Any) -> np.ndarray:
    """Return the (H, bytes) uint8 of `image_rows` as values of this type, aligned for it."""
    return np.require(np.ascontiguousarray(rows).view(kind), requirements=["A"])


def _convert(
    convert: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, size: str
) -> np.ndarray:
    try:
        return convert(pixels)
    except cv2.error as error:
        raise InputError("conversion", f"{size} cannot be converted: {error.err}") from error

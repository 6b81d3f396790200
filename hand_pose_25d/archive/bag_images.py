"""sensor_msgs/Image and CompressedImage, as rosbags reads them, to RGB."""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np

from hand_pose_25d.io.encodings import ENCODINGS, PACKED, PLANAR, by_opencv
from hand_pose_25d.io.images import breaks_off, decode_image


def is_compressed(message_type: str) -> bool:
    """Whether a message type is CompressedImage."""
    return message_type.endswith("/CompressedImage")


def message_image(message: Any, compressed: bool) -> np.ndarray:
    """Return a message's image as it is stored: (H, W, 3) uint8 RGB.

    Raises ValueError for an encoding that is not known and for data that are cut off.
    """
    if compressed:
        data = np.asarray(message.data, dtype=np.uint8).tobytes()
        if "compressedDepth" in message.format:
            raise ValueError("compressedDepth is no colour image")
        if breaks_off(data):
            raise ValueError("a JPEG that breaks off")
        return decode_image(data)
    encoding, width, height = message.encoding, int(message.width), int(message.height)
    try:
        if encoding in PLANAR:
            return by_opencv(PLANAR[encoding])(_rows(message, height * 3 // 2, width))
        if encoding in PACKED:
            channels, kind, convert = PACKED[encoding]
            rows = _rows(message, height, width * channels * np.dtype(kind).itemsize)
            pixels = np.ascontiguousarray(rows).view(kind)
            if pixels.itemsize > 1 and bool(message.is_bigendian) != (sys.byteorder == "big"):
                pixels = pixels.byteswap()
            return convert(pixels if channels == 1 else pixels.reshape(height, width, channels))
    except cv2.error as error:
        raise ValueError(
            f"{width} x {height} px of {encoding} cannot be converted: {error.err}"
        ) from error
    raise ValueError(f"encoding {encoding[:40]!r} is not known; known: {', '.join(ENCODINGS)}")


def _rows(message: Any, height: int, row_bytes: int) -> np.ndarray:
    """Return the (height, row_bytes) uint8 of an image, without what pads its rows."""
    step, data = int(message.step), np.asarray(message.data, dtype=np.uint8)
    if step < row_bytes or data.size < height * step or not data.size:
        raise ValueError(
            f"{data.size} bytes in rows of {step} are too few for {message.width} x "
            f"{message.height} px of {message.encoding}"
        )
    return data[: height * step].reshape(height, step)[:, :row_bytes]

"""sensor_msgs/Image and CompressedImage, as rosbags reads them, to RGB."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from hand_pose_25d.io.images import breaks_off, decode_image

# Channels, and OpenCV's code to RGB.  Its names of Bayer patterns begin with the second row.
_ENCODINGS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "8UC3": (3, cv2.COLOR_BGR2RGB),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "8UC1": (1, cv2.COLOR_GRAY2RGB),
    "bayer_rggb8": (1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": (1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": (1, cv2.COLOR_BayerGB2RGB),
    "yuv422": (2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2RGB_YUY2),
}


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
    if message.encoding not in _ENCODINGS:
        raise ValueError(
            f"encoding {message.encoding[:40]!r} is not known; known: {', '.join(_ENCODINGS)}"
        )
    channels, code = _ENCODINGS[message.encoding]
    width, height, step = (int(n) for n in (message.width, message.height, message.step))
    if step < width * channels or len(message.data) < height * step:
        raise ValueError(
            f"{len(message.data)} bytes in rows of {step} are too few for {width} x {height} px "
            f"of {message.encoding}"
        )
    rows = np.asarray(message.data, dtype=np.uint8)[: height * step].reshape(height, step)
    pixels = rows[:, : width * channels].reshape(height, width, channels)
    pixels = np.ascontiguousarray(pixels[:, :, 0] if channels == 1 else pixels)
    return pixels if code is None else np.asarray(cv2.cvtColor(pixels, code))

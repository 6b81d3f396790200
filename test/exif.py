"""Images with an EXIF orientation, for tests."""

from __future__ import annotations

import struct

import cv2
import numpy as np


def tiff_with_orientation(orientation: int, order: str = "<") -> bytes:
    """EXIF's body: a TIFF of one entry."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    entry = struct.pack(order + "HHHIH", 1, 0x0112, 3, 1, orientation)
    return head + entry + bytes(2) + bytes(4)


def jpeg_with_orientation(image: np.ndarray, orientation: int, order: str = "<") -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG with EXIF's orientation."""
    data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    body = b"Exif\0\0" + tiff_with_orientation(orientation, order)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]

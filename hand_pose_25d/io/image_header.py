"""What an image file says of itself before it is decoded: format, size, EXIF orientation.

Few bytes can ask for gigabytes: the size is to be known before memory is.  Read are JPEG, PNG,
WebP, BMP and TIFF, by their specifications.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_ORIENTATION, _WIDTH, _HEIGHT = 0x0112, 0x0100, 0x0101  # TIFF's tags
_LONGEST_DIRECTORY = 512


@dataclass(frozen=True)
class ImageHeader:
    """Format and size (px) of the stored pixels, and EXIF's orientation (1: upright)."""

    format: str
    width: int
    height: int
    orientation: int = 1


def read_header(data: bytes | memoryview) -> ImageHeader | None:
    """Return what the first bytes of an image file say; None where that is no known image."""
    data = memoryview(data).cast("B")
    start = bytes(data[:16])
    try:
        if start[:3] == b"\xff\xd8\xff":
            return _jpeg(data)
        if start[:8] == b"\x89PNG\r\n\x1a\n":
            return _png(data)
        if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
            return _webp(data)
        if start[:2] == b"BM":
            return _bmp(data)
        if start[:4] in (b"II*\0", b"MM\0*"):
            tags = _tiff_tags(data)
            return ImageHeader("TIFF", tags[_WIDTH], tags[_HEIGHT], _orientation(tags))
    except (struct.error, IndexError, KeyError, ValueError):
        pass
    return None


def _jpeg(data: memoryview) -> ImageHeader | None:
    orientation, at = 1, 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD7 or marker == 0x01:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header
            height, width = struct.unpack_from(">HH", data, at + 5)
            return ImageHeader("JPEG", width, height, orientation)
        if marker == 0xE1 and bytes(data[at + 4 : at + 10]) == b"Exif\0\0":
            orientation = _exif(data[at + 10 : at + 2 + length])
        if marker in (0xD9, 0xDA):
            return None
        at += 2 + length
    return None


def _png(data: memoryview) -> ImageHeader | None:
    if bytes(data[12:16]) != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    orientation, at = 1, 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"eXIf":
            orientation = _exif(data[at + 8 : at + 8 + length])
        if kind in (b"eXIf", b"IDAT", b"IEND"):
            break
        at += 12 + length
    return ImageHeader("PNG", width, height, orientation)


def _webp(data: memoryview) -> ImageHeader | None:
    kind = bytes(data[12:16])
    if kind == b"VP8 ":
        width, height = (v & 0x3FFF for v in struct.unpack_from("<HH", data, 26))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    else:
        return None
    return ImageHeader("WebP", width, height)  # OpenCV reads no EXIF of it, nor do we


def _bmp(data: memoryview) -> ImageHeader:
    (size,) = struct.unpack_from("<I", data, 14)
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return ImageHeader("BMP", abs(width), abs(height))


def _exif(data: memoryview) -> int:
    try:
        return _orientation(_tiff_tags(data))
    except (struct.error, IndexError, KeyError, ValueError):
        return 1


def _orientation(tags: dict[int, int]) -> int:
    orientation = tags.get(_ORIENTATION, 1)
    return orientation if 1 <= orientation <= 8 else 1


def _tiff_tags(data: memoryview) -> dict[int, int]:
    """Return the whole numbers of the first directory of a TIFF, which EXIF is, too."""
    order = "<" if bytes(data[:2]) == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    if count > _LONGEST_DIRECTORY:
        raise ValueError("no directory has so many entries")
    found = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if kind in (3, 4):
            (found[tag],) = struct.unpack_from(
                order + ("H" if kind == 3 else "I"), data, entry + 8
            )
    return found

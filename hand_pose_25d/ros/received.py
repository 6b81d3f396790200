"""Messages of a camera, read from the bytes that came: what rclpy's own conversion costs is saved.

rclpy copies the pixels of an image three times on their way into a message, and makes each
CameraInfo anew, though only its stamp changes.  Here the pixels stay where they arrived.  The
bytes are CDR (OMG DDS-XTypes, plain CDR version 1), as every ROS 2 middleware writes it; whatever
is encoded in another way is given to rclpy.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

_ORIGIN = 4  # bytes of the encapsulation, from behind which CDR aligns
_WORD, _STAMP = (
    {b"\x00\x00": struct.Struct(f">{fields}"), b"\x00\x01": struct.Struct(f"<{fields}")}
    for fields in ("I", "iI")
)
"""A uint32 and a builtin_interfaces/Time, by the encapsulation of plain CDR."""
_BEHIND_STAMP = _ORIGIN + 8


@dataclass(slots=True)
class ReceivedImage:
    """The fields of a sensor_msgs/Image; `data` is a view of the bytes that came."""

    header: Any
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: memoryview


@dataclass(slots=True)
class ReceivedCompressedImage:
    """The fields of a sensor_msgs/CompressedImage; `data` is a view of the bytes that came."""

    header: Any
    format: str
    data: memoryview


class _Cdr:
    """Reads one field after the other.  Raises ValueError or struct.error where it cannot."""

    def __init__(self, raw: bytes) -> None:
        kind = raw[:2]
        if kind not in _WORD:
            raise ValueError(f"not plain CDR: its encapsulation is {kind!r}")
        self._raw, self._at = raw, _ORIGIN
        self._word, self._stamp = _WORD[kind], _STAMP[kind]

    def whole(self) -> int:
        """Read a uint32."""
        at = self._at + -(self._at - _ORIGIN) % 4
        self._at = at + 4
        return int(self._word.unpack_from(self._raw, at)[0])

    def byte(self) -> int:
        """Read a uint8."""
        self._at += 1
        return self._raw[self._at - 1]

    def blob(self) -> memoryview:
        """Read a sequence of uint8."""
        size = self.whole()
        start, self._at = self._at, self._at + size
        if self._at > len(self._raw):
            raise ValueError(f"a sequence of {size} bytes goes beyond the message's end")
        return memoryview(self._raw)[start : self._at]

    def text(self) -> str:
        """Read a string; like rclpy, up to its first zero."""
        return bytes(self.blob()).split(b"\0", 1)[0].decode(errors="replace")

    def header(self) -> Header:
        """Read a std_msgs/Header, the first field of a message."""
        header = Header()
        stamp = header.stamp
        stamp.sec, stamp.nanosec = self._stamp.unpack_from(self._raw, self._at)
        self._at = _BEHIND_STAMP
        header.frame_id = self.text()
        return header


def read_image_message(raw: bytes) -> ReceivedImage | Image:
    """Return the image in a serialized sensor_msgs/Image.

    Raises an exception of rclpy for what is none.
    """
    try:
        cdr = _Cdr(raw)
        return ReceivedImage(
            cdr.header(), cdr.whole(), cdr.whole(), cdr.text(), cdr.byte(), cdr.whole(), cdr.blob()
        )
    except (ValueError, IndexError, struct.error):
        return deserialize_message(raw, Image)


def read_compressed_message(raw: bytes) -> ReceivedCompressedImage | CompressedImage:
    """Return the image in a serialized sensor_msgs/CompressedImage.

    Raises an exception of rclpy for what is none.
    """
    try:
        cdr = _Cdr(raw)
        return ReceivedCompressedImage(cdr.header(), cdr.text(), cdr.blob())
    except (ValueError, IndexError, struct.error):
        return deserialize_message(raw, CompressedImage)


class InfoReader:
    """Reads serialized CameraInfo messages; what differs in its stamp alone is read once."""

    def __init__(self) -> None:
        """Begin without one to compare with."""
        self._last: tuple[bytes, bytes, CameraInfo] | None = None

    def read(self, raw: bytes) -> tuple[CameraInfo, tuple[int, int]]:
        """Return the message and its stamp (seconds, nanoseconds).

        The message is that of an earlier stamp, where nothing else has changed.

        Raises an exception of rclpy for what is none.
        """
        stamp = _STAMP.get(raw[:2])
        kind, content = raw[:_ORIGIN], raw[_BEHIND_STAMP:]
        if stamp is not None and self._last is not None and self._last[:2] == (kind, content):
            sec, nanosec = stamp.unpack_from(raw, _ORIGIN)
            return self._last[2], (sec, nanosec)
        info = deserialize_message(raw, CameraInfo)
        self._last = kind, content, info
        return info, (info.header.stamp.sec, info.header.stamp.nanosec)

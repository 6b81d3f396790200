"""Video files by PyAV: every image with its own time, turned as the container says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from hand_pose_25d.archive.reading import (
    OneSize,
    RecordedImage,
    Recording,
    TruncatedError,
    check_length,
)
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.geometry.orientation import BY_DEGREES, UPRIGHT, turn_image

SECOND = 10**9  # nanoseconds


@dataclass(frozen=True)
class DecodedImage:
    """An image of a video, upright."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    time_ns: int
    """In the container's time; the first image's need not be 0."""
    orientation: int


def count_images(path: Path) -> int | None:
    """Return a video's number of images by its container's word; None where it has none."""
    with contextlib.suppress(OSError, ValueError), _opened(path) as container:
        stream = container.streams.video[0]
        if stream.frames:
            return int(stream.frames)
        if container.duration and stream.average_rate:
            return round(Fraction(container.duration, av.time_base) * stream.average_rate)
    return None


def decode(path: Path, start_ns: int | None = None) -> Iterator[DecodedImage]:
    """Yield the images, from the key frame before `start_ns` on where that is given.

    Raises ValueError for what is no video, TruncatedError where data behind an image are damaged.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1  # a process is one core's
        base = stream.time_base or Fraction(1, SECOND)
        if start_ns:
            container.seek(int(Fraction(start_ns, SECOND) / base), stream=stream)
        last = None
        try:
            for frame in container.decode(stream):
                time = 0 if frame.pts is None else round(frame.pts * base * SECOND)
                if last is not None and time <= last:  # a container without times
                    time = last + round(SECOND / (stream.average_rate or 30))
                last = time
                orientation = BY_DEGREES.get(round(-frame.rotation) % 360, UPRIGHT)
                pixels = turn_image(frame.to_ndarray(format="rgb24"), orientation)
                yield DecodedImage(pixels, time, orientation)
        except av.FFmpegError as error:
            raise TruncatedError(f"it breaks off: {error.strerror}") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    try:
        container = av.open(str(path))
    except av.FFmpegError as error:
        raise ValueError(
            f"{path} is no video that can be read (cut off or damaged?): {error.strerror}"
        ) from error
    with container:
        if not container.streams.video:
            raise ValueError(f"{path} has no video in it")
        yield container


def open_video_file(unit: Unit, settings: ProcessSettings) -> Recording:
    """Open a video; stamps count from its first image on."""
    return Recording(_images(unit, OneSize(settings)))


def _images(unit: Unit, size: OneSize) -> Iterator[RecordedImage]:
    expected = count_images(unit.path)
    number, first = 0, 0
    for frame in decode(unit.path):
        first = frame.time_ns if number == 0 else first
        name = f"{number:06d}"
        camera = size.camera(frame.image, f"image {number}", frame.orientation)
        yield RecordedImage(name, frame.time_ns - first, frame.image, camera)
        number += 1
    check_length(number, expected)

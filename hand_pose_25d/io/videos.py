"""Video files and cameras: reading with the container's own times, and writing."""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.orientation import BY_DEGREES, UPRIGHT, turn_image
from hand_pose_25d.io.parts import PartFile

DEFAULT_RATE = 30.0
"""Images a second, where a camera or container does not say."""
PROBED = 12  # images whose times tell the rate
MISSING = 0.02  # share of a video's images that may be missing: containers round their number
TIME_BASE = 65535  # MPEG-4 counts a second in at most so many parts
SLOWEST, FASTEST = 0.1, 1000.0  # images a second of what is written

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VideoFrame:
    """One image of a video, upright."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    stamp: float
    """Seconds from the video's first image, as its container has them."""


class VideoReader:
    """A video file, a camera or a stream."""

    def __init__(self, source: Path | str | int, live: bool = False) -> None:
        """Open it.

        Args:
            source: a file, a camera's number or device, or a URL.
            live: a camera or stream: stamps are its images' numbers over its rate.

        Raises ValueError for a file that is no video, FileNotFoundError for a camera that is not
        there.
        """
        self.source, self.live = source, live
        capture = self._open()
        reported = capture.get(cv2.CAP_PROP_FPS)
        length = 0 if live else capture.get(cv2.CAP_PROP_FRAME_COUNT)
        degrees = capture.get(cv2.CAP_PROP_ORIENTATION_META)
        self._degrees = int(degrees) % 360 if math.isfinite(degrees) else 0
        self.length: int | None = int(length) if 0 < length < 2**31 else None
        """Images, as far as the container knows."""
        self.rate = reported if math.isfinite(reported) and reported > 0 else DEFAULT_RATE
        """Images a second; of a variable rate, that of the first images."""
        if live:
            self._capture: cv2.VideoCapture | None = capture
            return
        self._capture = None
        self.rate = _probed_rate(capture, self.rate)
        capture.release()

    @property
    def orientation(self) -> int:
        """How its stored images are turned upright, as EXIF has it (geometry/orientation.py)."""
        return BY_DEGREES.get(self._degrees, UPRIGHT)

    def frames(self) -> Iterator[VideoFrame]:
        """Yield the images from the first on, each upright; a camera's never end.

        Raises ValueError where not one can be decoded; one that breaks off early is logged.
        """
        capture = self._capture or self._open()
        self._capture = None
        # Where OpenCV cannot leave the turning to us it turns them itself.
        ours = capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        orientation = self.orientation if ours else UPRIGHT
        number, first, last = 0, 0.0, -math.inf
        try:
            while True:
                read, image = capture.read()
                if not read:
                    break
                counted = number / self.rate
                stamp = counted if self.live else capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
                if number == 0:
                    first = stamp
                stamp -= first
                if not stamp > last:  # a container without times
                    stamp = counted if counted > last else last + 1e-3
                last = stamp
                pixels = turn_image(np.ascontiguousarray(image[:, :, ::-1]), orientation)
                yield VideoFrame(pixels, stamp)
                number += 1
        finally:
            capture.release()
        self._check(number)

    def _check(self, number: int) -> None:
        """Say that a video ended before its container says so."""
        if number == 0:
            raise ValueError(
                f"{self.source}: not one image could be decoded (damaged, or of a codec that this "
                "OpenCV cannot read)"
            )
        if self.length and number < self.length - max(1.0, MISSING * self.length):
            logger.warning(
                "%s breaks off early: %d of %d images could be decoded",
                self.source, number, self.length,
            )  # fmt: skip

    def _open(self) -> cv2.VideoCapture:
        if self.live:
            capture = cv2.VideoCapture(self.source)
            if not capture.isOpened():
                raise FileNotFoundError(f"camera {self.source} cannot be opened")
            return capture
        with _plain_path(Path(str(self.source))) as path:
            # Another reader than FFmpeg takes digits in a name for a series of images.
            ours = cv2.CAP_FFMPEG in cv2.videoio_registry.getStreamBackends()
            capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG if ours else cv2.CAP_ANY)
        if not capture.isOpened():
            raise ValueError(f"{self.source} is no video that OpenCV can read")
        return capture


class VideoWriter:
    """An MP4 file; made when the first picture comes, which settles its size."""

    def __init__(self, path: Path, rate: float) -> None:
        """`rate`: images a second; taken is the nearest that MPEG-4 can hold."""
        self.path, self.rate = path, writable_rate(rate)
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._part: PartFile | None = None

    def write(self, image: np.ndarray) -> None:
        """Add an (H, W, 3) uint8 RGB picture; one of another size is fitted into the first's.

        Raises OSError where it cannot be written.
        """
        if self._writer is None:
            self._size = (image.shape[1], image.shape[0])
            self._writer = self._open()
        if (image.shape[1], image.shape[0]) != self._size:
            image = _fit(image, *self._size)
        self._writer.write(np.ascontiguousarray(image[:, :, ::-1]))

    def close(self) -> None:
        """Finish the file, if there is one; it gets its name now."""
        if self._writer is not None and self._part is not None:
            self._writer.release()
            self._writer = None
            self._part.finish()

    def _open(self) -> cv2.VideoWriter:
        self._part = PartFile(self.path, ".mp4")
        code = cv2.VideoWriter.fourcc(*"mp4v")
        with _plain_path(self._part.path) as path:
            writer = cv2.VideoWriter(str(path), code, self.rate, self._size)
        if not writer.isOpened():
            self._part.discard()
            raise OSError(f"{self.path} cannot be written: OpenCV has no encoder for it")
        return writer


def writable_rate(rate: float) -> float:
    """Return the rate nearest to this one whose fraction, as OpenCV makes it, MPEG-4 can hold."""
    rate = min(max(rate, SLOWEST), FASTEST) if math.isfinite(rate) else DEFAULT_RATE
    digits = next(d for d in (3, 2, 1, 0) if round(rate, d) * 10**d <= TIME_BASE)
    return round(rate, digits)


def _probed_rate(capture: cv2.VideoCapture, reported: float) -> float:
    """Return images a second by the first images' times, where the container's word is far off.

    What browsers record says 1000/s, whatever it is.
    """
    stamps: list[float] = []
    while len(stamps) < PROBED and capture.grab():
        stamps.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
    steps = np.diff(stamps)
    if not len(steps) or not (steps > 0).all():
        return reported
    measured = 1 / float(np.median(steps))
    return reported if 0.67 < measured / reported < 1.5 else measured


@contextlib.contextmanager
def _plain_path(path: Path) -> Iterator[Path]:
    """Yield a path to the same place that OpenCV can hold: absolute (no colon makes it a URL) and
    UTF-8 (at others it ends the process)."""
    path = path.absolute()
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, "video" + path.suffix.encode("ascii", "ignore").decode())
            link.symlink_to(path)
            yield link
        return
    yield path


def _fit(image: np.ndarray, width: int, height: int) -> np.ndarray:
    scale = min(width / image.shape[1], height / image.shape[0])
    w, h = (max(1, round(n * scale)) for n in (image.shape[1], image.shape[0]))
    scaled = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    x, y = (width - w) // 2, (height - h) // 2
    return cv2.copyMakeBorder(
        scaled, y, height - h - y, x, width - w - x, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )

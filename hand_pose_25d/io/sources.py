"""Images one after the other, of a file, a folder, a video, a camera or a stream."""

from __future__ import annotations

import logging
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_25d.geometry.orientation import UPRIGHT
from hand_pose_25d.io.images import is_image, list_images, read_photo
from hand_pose_25d.io.videos import VideoReader

STREAMS = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp")
"""Schemes of what is opened as a stream."""
BAG_SUFFIXES = (".mcap", ".db3", ".bag")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceImage:
    """One image of a source, upright."""

    name: str
    stamp: float
    """Seconds from the start; of images in a folder, their number."""
    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    orientation: int = UPRIGHT
    """In which it was stored: `CameraDescription.camera` turns a calibration with it."""


@dataclass(frozen=True)
class Source:
    """Images one after the other."""

    title: str
    is_video: bool
    """Whether consecutive images belong together, so that hands can be tracked."""
    rate: float
    """Images a second."""
    length: int | None
    """Number of images, where it is known."""
    frames: Iterator[SourceImage]
    live: bool = False
    """A camera or stream: it does not wait, has no end, and cannot be read again."""
    files: tuple[Path, ...] = ()
    """What is read, for those who write."""


def open_source(source: str | Path, skip: Collection[str] = ()) -> Source:
    """Open an image, a folder of images (by name), a video, a camera's number or device, a URL.

    A path counts before a number of the same name; `~` is the user's home.  `skip`: names of
    images that are left out.

    Raises FileNotFoundError or ValueError where there is nothing to read, and for what is neither.
    """
    text = str(source)
    scheme = text.partition("://")[0] if "://" in text else ""
    path = expand(text)
    if scheme and not path.exists():
        if scheme.lower() not in STREAMS:
            raise ValueError(
                f"{text}: streams begin with one of {', '.join(s + '://' for s in STREAMS)}"
            )
        return _live(text, text)
    if text.isascii() and text.isdigit() and not path.exists():
        return _live(int(text), f"camera {text}")
    if not path.exists():
        raise FileNotFoundError(f"no such image, folder or video: {path}")
    if path.is_dir():
        files = list_images(path, below=False)
        return Source(
            str(path), False, 1.0, len(files), _image_frames(files, skip), files=tuple(files)
        )
    mode = path.stat().st_mode
    if stat.S_ISCHR(mode):
        return _live(str(path), f"camera {path}")
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} is a pipe or socket; write its data to a file first")
    if is_image(path):
        return Source(str(path), False, 1.0, 1, _image_frames([path], skip), files=(path,))
    video = VideoReader(path)
    return Source(str(path), True, video.rate, video.length, _video_frames(video), files=(path,))


def input_files(source: str | Path) -> list[Path]:
    """Return the files that `open_source` would read; none where there is no such file."""
    path = expand(source)
    if path.is_dir():
        return [file for file in path.iterdir() if is_image(file)]
    return [path] if path.is_file() else []


def is_bag(path: Path) -> bool:
    """Tell whether a path is a rosbag2 folder, an MCAP file, or the file of another bag."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file()
    return path.suffix.lower() in BAG_SUFFIXES and path.is_file()


def expand(path: str | Path) -> Path:
    """Return a path with `~` as the user's home; ValueError where that home is not known."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: the home directory in it is not known: {error}") from error


def _live(camera: int | str, title: str) -> Source:
    video = VideoReader(camera, live=True)
    return Source(title, True, video.rate, None, _video_frames(video), live=True)


def _image_frames(files: list[Path], skip: Collection[str]) -> Iterator[SourceImage]:
    read = 0
    for i, path in enumerate(files):
        if path.name in skip:
            read += 1
            continue
        try:
            image, orientation = read_photo(path)
        except (OSError, ValueError) as error:  # one bad file should not cost the others
            if len(files) == 1:
                raise
            logger.warning("left out: %s", error)
            continue
        read += 1
        yield SourceImage(path.name, float(i), image, orientation)
    if not read:
        raise ValueError(f"{files[0].parent}: not one of {len(files)} images could be read")


def _video_frames(video: VideoReader) -> Iterator[SourceImage]:
    for i, frame in enumerate(video.frames()):
        yield SourceImage(f"{i:06d}", frame.stamp, frame.image, video.orientation)

"""What the commands read: images, folders, videos, webcams, and the camera that took them."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.images import is_image, list_images

DEFAULT_FIELD_OF_VIEW = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceImage:
    """One image of a source."""

    name: str
    stamp: float
    """Seconds from the start; of images in a folder, their number."""
    image: np.ndarray
    """(H, W, 3) uint8 RGB."""


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


def open_source(source: str) -> Source:
    """Open an image, a folder of images (by name), a video file or a webcam's number.

    Raises FileNotFoundError or ValueError where there is nothing to read.
    """
    if source.isdigit():
        capture = cv2.VideoCapture(int(source))
        if not capture.isOpened():
            raise FileNotFoundError(f"camera {source} cannot be opened")
        rate = capture.get(cv2.CAP_PROP_FPS) or 30.0
        return Source(f"camera {source}", True, rate, None, _video_frames(capture, rate))
    path = Path(source)
    if path.is_dir():
        files = list_images(path, below=False)
        return Source(str(path), False, 1.0, len(files), _image_frames(files))
    if not path.is_file():
        raise FileNotFoundError(f"no such image, folder or video: {path}")
    if is_image(path):
        return Source(str(path), False, 1.0, 1, _image_frames([path]))
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise ValueError(f"{path} is no video that OpenCV can read")
    rate = capture.get(cv2.CAP_PROP_FPS)
    rate = rate if math.isfinite(rate) and rate > 0 else 30.0
    length = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return Source(str(path), True, rate, length if length > 0 else None,
                  _video_frames(capture, rate))  # fmt: skip


def read_image(path: Path) -> np.ndarray:
    """Read an image file as (H, W, 3) uint8 RGB; raises ValueError where it is none."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is no image that OpenCV can read")
    return np.ascontiguousarray(image[:, :, ::-1])


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 RGB image; the folder is made.  Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image[:, :, ::-1]):
        raise OSError(f"{path} could not be written")


def add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe the camera."""
    group = parser.add_argument_group("camera")
    group.add_argument(
        "--camera",
        type=Path,
        metavar="YAML",
        help="calibration as ROS writes it (camera_calibration, camera_info_manager)",
    )
    group.add_argument(
        "--focal", type=float, metavar="PX", help="focal length in pixels of the images"
    )
    group.add_argument(
        "--field-of-view",
        type=float,
        default=DEFAULT_FIELD_OF_VIEW,
        metavar="DEG",
        help="of the image's longer side, where nothing better is known (default: %(default)g); "
        "distances are then only as good as this guess",
    )


def camera_for(args: argparse.Namespace, width: int, height: int) -> Camera:
    """Return the camera that the options describe, for images of width x height.

    A calibration made at another size of the same proportions is scaled.  Raises ValueError where
    the options make no camera.
    """
    if args.camera is not None:
        camera = Camera.from_yaml(args.camera)
        if (camera.width, camera.height) == (width, height):
            return camera
        factor = width / camera.width
        if abs(camera.height * factor - height) > 1:
            raise ValueError(
                f"{args.camera} is for {camera.width} x {camera.height} px, the images are "
                f"{width} x {height}: other proportions, so it cannot be scaled"
            )
        return camera.scaled(factor)
    if args.focal is not None:
        focal = float(args.focal)
        return Camera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    try:
        return Camera.from_field_of_view(args.field_of_view, width, height)
    except ValueError as error:
        raise ValueError(f"--field-of-view: {error}") from error


def _image_frames(files: list[Path]) -> Iterator[SourceImage]:
    for i, path in enumerate(files):
        try:
            yield SourceImage(path.name, float(i), read_image(path))
        except ValueError as error:  # one bad file should not cost the others
            if len(files) == 1:
                raise
            logger.warning("left out: %s", error)


def _video_frames(capture: cv2.VideoCapture, rate: float) -> Iterator[SourceImage]:
    try:
        i = 0
        while True:
            read, image = capture.read()
            if not read:
                return
            yield SourceImage(f"{i:06d}", i / rate, np.ascontiguousarray(image[:, :, ::-1]))
            i += 1
    finally:
        capture.release()

"""RecordedImage and Recording: what every kind of recording is read as."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.orientation import UPRIGHT

SHARE_MISSING = 0.02
"""Of a video's images: containers round their number."""


class TruncatedError(ValueError):
    """A recording that breaks off; what was read before it counts."""


@dataclass(frozen=True)
class RecordedImage:
    """One image of a recording, upright, and the camera that took it."""

    name: str
    """File name, or number, in the recording."""
    stamp_ns: int
    """Nanoseconds: a bag's header stamp; in a video or episode from its first image on."""
    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    camera: Camera
    frame_id: str = ""
    """Of a bag's header."""
    info: Any = None
    """A bag's CameraInfo message that counts for the image, as rosbags reads it."""
    rotation: np.ndarray | None = None
    """(3, 3) into the rectified frame, in which hands are given; None for none."""

    @property
    def stamp(self) -> float:
        """Seconds, as the node computes them of a header's stamp."""
        seconds, rest = divmod(self.stamp_ns, 10**9)
        return seconds + rest * 1e-9


@dataclass
class Recording:
    """A recording that is open."""

    images: Iterator[RecordedImage]
    """Raises TruncatedError behind the last where the recording breaks off."""
    left_out: list[str] = field(default_factory=list)
    """Images that could not be decoded, with reasons."""


def camera_maker(settings: ProcessSettings) -> Callable[[int, int, int], Camera]:
    """Return a function (width, height, orientation) -> camera, of recordings without CameraInfo.

    Raises ValueError where the settings do not say what camera it is.
    """
    described = settings.described_camera()
    if described is None:
        raise ValueError(
            "the recording does not say what camera took it, and metres need that: give --camera "
            "FILE (a calibration as ROS writes it), --focal PX or --field-of-view DEG"
        )
    return described.camera


class OneSize:
    """The camera of a recording's images, which are all of one size."""

    def __init__(self, settings: ProcessSettings) -> None:
        """Raises ValueError where the settings do not say what camera it is."""
        self._make = camera_maker(settings)
        self._camera: Camera | None = None

    def camera(self, image: np.ndarray, name: str, orientation: int = UPRIGHT) -> Camera:
        """Return the camera.  Raises ValueError for an image of another size than the first's."""
        height, width = image.shape[:2]
        if self._camera is None:
            self._camera = self._make(width, height, orientation)
        first = self._camera
        if (first.width, first.height) != (width, height):
            raise ValueError(
                f"images of several sizes: {name} has {width} x {height} px, those before it "
                f"{first.width} x {first.height}"
            )
        return first


def check_length(read: int, expected: int | None, left_out: Sequence[str] = ()) -> None:
    """Raise ValueError for no image at all, TruncatedError for fewer than there should be."""
    if read == len(left_out):
        why = f": {left_out[0]}" if left_out else ""
        raise ValueError(f"not one image could be decoded{why}")
    if expected and read < expected - max(1.0, SHARE_MISSING * expected):
        raise TruncatedError(f"it breaks off: {read} of {expected} images could be decoded")

"""The camera of images that come without CameraInfo: a calibration file, a focal length, or an
assumed field of view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.orientation import UPRIGHT, swaps_sides, turn_camera

DEFAULT_FIELD_OF_VIEW = 60.0
"""Degrees, across the longer side."""


@dataclass(frozen=True)
class CameraDescription:
    """What is known of a camera.  The first that is given counts, in the fields' order.

    Raises FileNotFoundError, or ValueError for a calibration or field of view that is none.
    """

    calibration: Path | None = None
    """A file as ROS writes it; see `Camera.from_yaml`."""
    focal: float | None = None
    """Pixels of the images."""
    field_of_view: float = DEFAULT_FIELD_OF_VIEW
    """Degrees across the longer side."""

    def __post_init__(self) -> None:
        if self.calibration is None and self.focal is None:
            Camera.from_field_of_view(self.field_of_view, 640, 480)  # names a wrong angle now
        self._calibrated  # names a file that is missing or wrong here and now  # noqa: B018

    @cached_property
    def _calibrated(self) -> Camera | None:
        return None if self.calibration is None else Camera.from_yaml(self.calibration)

    def camera(self, width: int, height: int, orientation: int = UPRIGHT) -> Camera:
        """Return the camera of upright images of width x height px.

        A calibration is that of the stored pixels and is turned upright with them, or, where its
        size says so, that of the upright images.  One made at another size of the same
        proportions is scaled.

        Raises FileNotFoundError, or ValueError where the calibration does not fit.
        """
        camera = self._calibrated
        if camera is None:
            if self.focal is None:
                return Camera.from_field_of_view(self.field_of_view, width, height)
            middle = ((width - 1) / 2, (height - 1) / 2)
            return Camera(self.focal, self.focal, *middle, width, height)
        stored = (height, width) if swaps_sides(orientation) else (width, height)
        fitted = _scaled_to(camera, *stored)
        if fitted is not None:
            return turn_camera(fitted, orientation)
        fitted = _scaled_to(camera, width, height)
        if fitted is not None:
            return fitted
        raise ValueError(
            f"{self.calibration} is for {camera.width} x {camera.height} px, the images are "
            f"{width} x {height}: other proportions, so it cannot be scaled"
        )


def _scaled_to(camera: Camera, width: int, height: int) -> Camera | None:
    """Return the camera for images of this size; None where they have other proportions."""
    if (camera.width, camera.height) == (width, height):
        return camera
    factor = width / camera.width
    if abs(camera.height * factor - height) > 1:
        return None
    return camera.scaled(factor)

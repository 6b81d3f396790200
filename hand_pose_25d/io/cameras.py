"""The camera of images that come without CameraInfo: a calibration file, a focal length, or an
assumed field of view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.distortion import MODELS
from hand_pose_25d.geometry.orientation import UPRIGHT, swaps_sides, turn_camera
from hand_pose_25d.io.yaml import read_yaml

DEFAULT_FIELD_OF_VIEW = 60.0
"""Degrees, across the longer side."""
# What drivers and calibrators call these models besides.
_ALIASES = {"fisheye": "equidistant", "kannala_brandt4": "equidistant"}


@dataclass(frozen=True)
class CameraDescription:
    """What is known of a camera.  The first that is given counts, in the fields' order.

    Raises FileNotFoundError, or ValueError for a calibration or field of view that is none.
    """

    calibration: Path | None = None
    """A file as ROS writes it; see `read_camera`."""
    focal: float | None = None
    """Pixels of the images."""
    field_of_view: float = DEFAULT_FIELD_OF_VIEW
    """Degrees across the longer side."""

    def __post_init__(self) -> None:
        if self.calibration is None and self.focal is None and not 1 <= self.field_of_view <= 170:
            raise ValueError(
                f"the field of view takes 1 to 170 degrees, got {self.field_of_view:g}"
            )
        self._calibrated  # names a file that is missing or wrong here and now  # noqa: B018

    @cached_property
    def _calibrated(self) -> Camera | None:
        return None if self.calibration is None else read_camera(self.calibration)

    def camera(self, width: int, height: int, orientation: int = UPRIGHT) -> Camera:
        """Return the camera of upright images of width x height px.

        A calibration is that of the stored pixels and is turned upright with them, or, where its
        size says so, that of the upright images.  One made at another size of the same
        proportions is scaled.

        Raises FileNotFoundError, or ValueError where the calibration does not fit.
        """
        camera = self._calibrated
        if camera is None:
            focal = self.focal
            if focal is None:
                focal = max(width, height) / 2 / math.tan(math.radians(self.field_of_view) / 2)
            return Camera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
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


def read_camera(path: Path) -> Camera:
    """Read a calibration file in the format of ROS's camera_calibration.

    Raises FileNotFoundError, or ValueError that names what is missing.
    """
    data = read_yaml(path)
    try:
        matrix = np.array(data["camera_matrix"]["data"], dtype=np.float64).reshape(3, 3)
        lens = known_lens(
            str(data.get("distortion_model") or "plumb_bob"),
            (data.get("distortion_coefficients") or {}).get("data") or (),
        )
        width, height = int(data["image_width"]), int(data["image_height"])
        return Camera.from_matrix(matrix, width, height, lens[1], lens[0])
    except KeyError as error:
        raise ValueError(f"{path}: the key {error} is missing") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path}: {error}") from error


def known_lens(model: str, coefficients: object) -> tuple[str, tuple[float, ...]]:
    """Return a distortion as drivers and calibrators write it in the forms that Camera knows.

    Other names of a model, more coefficients or fewer than it has, zeros of any number.

    Raises ValueError for a model that is not known.
    """
    values = tuple(float(d) for d in np.ravel(np.asarray(coefficients, dtype=np.float64)))
    model = _ALIASES.get(model, model)
    if model != "equidistant" and not any(values):
        return "plumb_bob", ()
    if model not in MODELS:
        raise ValueError(
            f"unknown distortion model {model[:40]!r}; known: {', '.join((*MODELS, *_ALIASES))}"
        )
    if model == "plumb_bob" and len(values) > 5:
        values, model = (
            (values, "rational_polynomial") if any(values[5:]) else (values[:5], "plumb_bob")
        )
    if model == "rational_polynomial":
        # OpenCV's two last coefficients tilt the sensor, which practically no camera has.
        if len(values) == 14 and not any(values[12:]):
            values = values[:12]
        values += (0.0,) * (8 - len(values))
    return model, values


def _scaled_to(camera: Camera, width: int, height: int) -> Camera | None:
    """Return the camera for images of this size; None where they have other proportions."""
    if (camera.width, camera.height) == (width, height):
        return camera
    factor = width / camera.width
    if abs(camera.height * factor - height) > 1:
        return None
    return camera.scaled(factor)

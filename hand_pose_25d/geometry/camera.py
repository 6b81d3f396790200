"""Camera: from pixels to viewing rays and from points to pixels, as CameraInfo has it.

Rays are normalised image coordinates (x, y) of the undistorted viewing ray: the point at depth Z
is Z (x, y, 1) in the camera's optical frame.  Pixel centres lie at integer coordinates, as in
OpenCV.  Distortion models and the order of their coefficients are OpenCV's, which ROS uses too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from hand_pose_25d.geometry.distortion import Distortion, known_lens
from hand_pose_25d.io.yaml import read_yaml

FIELD_OF_VIEW_RANGE = (1.0, 170.0)
"""Degrees, of a pinhole camera."""
FOCAL_LENGTHS = (1e-3, 1e9)
"""Pixels: beyond, numbers lose their digits."""
LARGEST_SIDE = 10**6
"""Pixels, of an image."""


@dataclass(frozen=True)
class Camera:
    """A calibrated camera: intrinsics in pixels, image size and lens distortion.

    Models and their coefficients: `distortion.MODELS`; no coefficients mean a plain pinhole.
    Raises ValueError for numbers that are no calibration (an uncalibrated CameraInfo has fx = 0).
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: Sequence[float] = ()
    model: str = "plumb_bob"

    def __post_init__(self) -> None:
        coefficients = tuple(float(d) for d in np.ravel(self.distortion))
        object.__setattr__(self, "distortion", coefficients)
        values = (self.fx, self.fy, self.cx, self.cy)
        least, most = FOCAL_LENGTHS
        focal = all(least <= v <= most for v in values[:2])  # False for NaN, and for 0
        if not focal or not all(abs(v) <= most for v in values):
            raise ValueError(
                f"a camera needs finite intrinsics, fx and fy from {least:g} to {most:g} px (is "
                f"it calibrated?), got fx={self.fx}, fy={self.fy}, cx={self.cx}, cy={self.cy}"
            )
        if not (1 <= self.width <= LARGEST_SIDE and 1 <= self.height <= LARGEST_SIDE):
            raise ValueError(
                f"a camera's image has 1 x 1 to {LARGEST_SIDE} x {LARGEST_SIDE} px, got "
                f"{self.width} x {self.height}"
            )
        self._lens  # names a wrong model or number of coefficients here and now  # noqa: B018

    @classmethod
    def from_matrix(
        cls,
        matrix: np.ndarray,
        width: int,
        height: int,
        distortion: Sequence[float] = (),
        model: str = "plumb_bob",
    ) -> Camera:
        """Make a camera from its 3x3 matrix K (CameraInfo's `k`, or the left of its `p`)."""
        k = np.asarray(matrix, dtype=np.float64)
        if k.shape != (3, 3):
            raise ValueError(f"a camera matrix has the shape (3, 3), got {k.shape}")
        fx, fy, cx, cy = (float(v) for v in (k[0, 0], k[1, 1], k[0, 2], k[1, 2]))
        return cls(fx, fy, cx, cy, width, height, distortion, model)

    @classmethod
    def from_yaml(cls, path: str | Path) -> Camera:
        """Read a calibration file as ROS's camera_calibration and camera_info_manager write it.

        The raw image's camera is taken: camera_matrix and distortion_coefficients.

            camera = Camera.from_yaml("head_camera.yaml")

        Raises FileNotFoundError, or ValueError that names the file and what is missing or wrong.
        """
        data = read_yaml(path)
        try:
            matrix = np.array(data["camera_matrix"]["data"], dtype=np.float64).reshape(3, 3)
            model, coefficients = known_lens(
                str(data.get("distortion_model") or "plumb_bob"),
                (data.get("distortion_coefficients") or {}).get("data") or (),
            )
            width, height = int(data["image_width"]), int(data["image_height"])
            return cls.from_matrix(matrix, width, height, coefficients, model)
        except KeyError as error:
            raise ValueError(f"{path}: the key {error} is missing") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_field_of_view(cls, degrees: float, width: int, height: int) -> Camera:
        """Make a pinhole camera of the angle that its image's longer side spans.

        The principal point is the middle, pixels are square.  For a camera without calibration:
        distances are then only as good as the angle.

        >>> camera = Camera.from_field_of_view(90, width=640, height=480)
        >>> round(camera.fx, 6), camera.cx, camera.cy
        (320.0, 319.5, 239.5)

        Raises ValueError for an angle outside 1 to 170 degrees.
        """
        low, high = FIELD_OF_VIEW_RANGE
        if isinstance(degrees, bool) or not low <= degrees <= high:
            raise ValueError(f"a field of view has {low:g} to {high:g} degrees, got {degrees!r}")
        focal = max(width, height) / 2 / math.tan(math.radians(degrees) / 2)
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)

    @property
    def K(self) -> np.ndarray:  # noqa: N802 (the field's own name)
        """(3, 3) float64 camera matrix."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def is_distorted(self) -> bool:
        """False where rays and pixels are a plain pinhole's."""
        return not self._lens.is_identity

    @cached_property
    def _lens(self) -> Distortion:
        return Distortion(self.model, tuple(self.distortion))

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Undistort pixels to normalised coordinates: (..., 2) px -> (..., 2).

        NaN where no ray within the lens model's valid field of view meets the pixel.
        """
        xy = (np.asarray(pixels, dtype=np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)
        return self._lens.undistort(xy) if self.is_distorted else xy

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project points in the camera's optical frame: (..., 3) m -> (..., 2) px.

        NaN for points not in front of the camera or beyond the lens model's valid field of view.
        """
        p = np.asarray(points, dtype=np.float64)
        xy = p[..., :2] / np.where(p[..., 2:] > 0, p[..., 2:], np.nan)
        if self.is_distorted:
            xy = self._lens.distort(xy)
        return xy * (self.fx, self.fy) + (self.cx, self.cy)

    def with_roi(self, x_offset: int, y_offset: int, width: int, height: int) -> Camera:
        """Return the camera of a cut-out of this image (CameraInfo's roi, in full resolution)."""
        cx, cy = self.cx - x_offset, self.cy - y_offset
        return replace(self, cx=cx, cy=cy, width=int(width), height=int(height))

    def with_binning(self, binning_x: int, binning_y: int) -> Camera:
        """Return the camera whose pixels are blocks of this one's (CameraInfo's binning).

        0 means 1, as in CameraInfo.  Apply the ROI first: it is given in unbinned pixels.
        """
        bx, by = max(int(binning_x), 1), max(int(binning_y), 1)
        return self._resized(1 / bx, 1 / by, self.width // bx, self.height // by)

    def scaled(self, factor: float) -> Camera:
        """Return the camera of this image resized by `factor` (as cv2.resize does it)."""
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError(f"an image is scaled by a finite factor above 0, got {factor}")
        width, height = (max(1, round(n * factor)) for n in (self.width, self.height))
        return self._resized(width / self.width, height / self.height, width, height)

    def _resized(self, sx: float, sy: float, width: int, height: int) -> Camera:
        # The first pixel covers -0.5 to 0.5, so coordinates scale about -0.5.
        return replace(
            self,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5,
            cy=(self.cy + 0.5) * sy - 0.5,
            width=width,
            height=height,
        )

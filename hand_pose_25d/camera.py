"""Camera: from pixels to viewing rays and from points to pixels, as sensor_msgs/CameraInfo has it.

Rays are normalised image coordinates (x, y) of the undistorted viewing ray: the point at depth Z is
Z (x, y, 1) in the camera's optical frame.  Pixel centres lie at integer coordinates, as in OpenCV.
Distortion models and coefficient orders are OpenCV's, which are those of ROS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

MODELS: dict[str, tuple[int, ...]] = {
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12),
    "equidistant": (4,),
}
"""Distortion models of ROS and the numbers of coefficients that each takes (all also take none).

plumb_bob: k1 k2 p1 p2 [k3].  rational_polynomial: k1 k2 p1 p2 k3 k4 k5 k6 [s1 s2 s3 s4].
equidistant (fisheye; Kannala and Brandt 2006): k1 k2 k3 k4.
"""

_NEWTON_STEPS = 12
_CONVERGED = 1e-12  # in normalised coordinates: a billionth of a pixel at f = 1000
_WIDEST = math.radians(88.0)  # rays farther from the axis have no usable (x, y, 1) form


@dataclass(frozen=True)
class Camera:
    """A calibrated camera: intrinsics, image size and lens distortion.

    Raises ValueError for numbers that are no calibration (an uncalibrated CameraInfo has fx = 0).
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: tuple[float, ...] = ()
    model: str = "plumb_bob"

    def __post_init__(self) -> None:
        coefficients = tuple(float(d) for d in np.ravel(self.distortion))
        object.__setattr__(self, "distortion", coefficients)
        values = (self.fx, self.fy, self.cx, self.cy)
        if not all(math.isfinite(v) for v in values) or self.fx <= 0 or self.fy <= 0:
            raise ValueError(
                "a camera needs finite intrinsics with fx and fy above 0 (is it calibrated?), got "
                f"fx={self.fx}, fy={self.fy}, cx={self.cx}, cy={self.cy}"
            )
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a camera's image has at least 1 x 1 px, got {self.width} x {self.height}")
        if self.model not in MODELS:
            raise ValueError(
                f"unknown distortion model {self.model!r}; known: {', '.join(MODELS)}"
            )
        if coefficients and len(coefficients) not in MODELS[self.model]:
            raise ValueError(
                f"distortion model {self.model} takes 0, "
                f"{' or '.join(str(n) for n in MODELS[self.model])} coefficients, "
                f"got {len(coefficients)}"
            )
        if not all(math.isfinite(d) for d in coefficients):
            raise ValueError(f"distortion coefficients must be finite, got {coefficients}")

    @classmethod
    def from_matrix(
        cls,
        matrix: np.ndarray,
        width: int,
        height: int,
        distortion: tuple[float, ...] = (),
        model: str = "plumb_bob",
    ) -> Camera:
        """Make a camera from its 3x3 matrix K (CameraInfo's `k`, or the left of its `p`)."""
        k = np.asarray(matrix, dtype=np.float64)
        if k.shape != (3, 3):
            raise ValueError(f"a camera matrix has the shape (3, 3), got {k.shape}")
        return cls(
            float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]),
            width, height, distortion, model,
        )  # fmt: skip

    @property
    def K(self) -> np.ndarray:  # noqa: N802 (the field's own name)
        """(3, 3) float64 camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], dtype=np.float64)

    @property
    def is_distorted(self) -> bool:
        """False where rays and pixels are a plain pinhole's."""
        return bool(self.distortion) and (self.model == "equidistant" or any(self.distortion))

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Undistort pixels to normalised coordinates: (..., 2) px -> (..., 2).

        NaN where no ray within the lens model's valid field of view meets the pixel.
        """
        px = np.asarray(pixels, dtype=np.float64)
        xy = (px - (self.cx, self.cy)) / (self.fx, self.fy)
        if not self.is_distorted:
            return xy
        return self._undistort(xy.reshape(-1, 2)).reshape(xy.shape)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project points in the camera's optical frame: (..., 3) m -> (..., 2) px.

        NaN for points not in front of the camera or beyond the lens model's valid field of view.
        """
        p = np.asarray(points, dtype=np.float64)
        z = np.where(p[..., 2:] > 0, p[..., 2:], np.nan)
        xy = p[..., :2] / z
        if self.is_distorted:
            xy = self.distort(xy)
        return xy * (self.fx, self.fy) + (self.cx, self.cy)

    def with_roi(self, x_offset: int, y_offset: int, width: int, height: int) -> Camera:
        """Return the camera of a cut-out of this image (CameraInfo's roi, in full resolution)."""
        return replace(
            self, cx=self.cx - x_offset, cy=self.cy - y_offset, width=int(width), height=int(height)
        )

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

    def distort(self, xy: np.ndarray) -> np.ndarray:
        """Map undistorted to distorted normalised coordinates: (..., 2) -> (..., 2).

        NaN beyond the lens model's valid field of view, where polynomials fold back.
        """
        xy = np.asarray(xy, dtype=np.float64)
        radius = np.hypot(xy[..., 0], xy[..., 1])
        valid = radius <= self._valid_radii[0][-1]
        return np.where(valid[..., None], self._forward(xy)[0], np.nan)

    def _undistort(self, target: np.ndarray) -> np.ndarray:
        """Invert `distort` by Newton's method: (N, 2) -> (N, 2)."""
        undistorted, distorted = self._valid_radii
        radius = np.hypot(target[:, 0], target[:, 1])
        # The radial part alone, from a table, starts so near that few steps follow.  It reads a
        # little beyond its end for what the tangential part brings back.
        first = np.interp(radius, distorted, undistorted)
        ratio = np.where(radius > 1e-9, first / np.maximum(radius, 1e-9), undistorted[1] / distorted[1])
        xy = target * ratio[:, None]
        for _ in range(_NEWTON_STEPS):
            at, jacobian = self._forward(xy, derivative=True)
            error = target - at
            size = np.abs(error).max(-1)
            if not (size > _CONVERGED).any():
                break
            (a, b), (c, d) = jacobian
            determinant = a * d - b * c
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.stack(
                    [d * error[:, 0] - b * error[:, 1], a * error[:, 1] - c * error[:, 0]], -1
                ) / determinant[:, None]
            xy = xy + np.clip(np.where(np.isfinite(step), step, 0.0), -0.5, 0.5)
        error = np.abs(target - self._forward(xy)[0]).max(-1)
        good = (error < 1e-10) & (np.hypot(xy[:, 0], xy[:, 1]) <= undistorted[-1])
        return np.where(good[:, None], xy, np.nan)

    @cached_property
    def _valid_radii(self) -> tuple[np.ndarray, np.ndarray]:
        """Undistorted and distorted radii, rising together, of the lens model's valid field."""
        r = np.tan(np.linspace(0.0, _WIDEST, 2049))
        with np.errstate(all="ignore"):
            radial = self._radial(r)[0] * r
        rising = np.isfinite(radial[1:]) & (np.diff(radial) > 0)
        last = int(np.argmin(rising)) if not rising.all() else len(rising)
        if last < 1:
            raise ValueError(
                f"distortion {self.distortion} of model {self.model} is no lens: radii do not rise"
            )
        return r[: last + 1], radial[: last + 1]

    def _radial(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return distorted / undistorted radius, and its derivative by r^2, at radii r."""
        if self.model == "equidistant":
            k1, k2, k3, k4 = self.distortion or (0.0,) * 4
            r = np.maximum(r, 1e-8)
            t = np.arctan(r)
            t2 = t * t
            angle = t * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
            slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
            by_r = (slope / (1 + r * r) - angle / r) / r  # of angle / r; loses digits at r -> 0
            small = r < 1e-4
            by_r2 = np.where(small, k1 - 1 / 3, by_r / (2 * r))
            return angle / r, by_r2
        k = np.zeros(8)
        k[: min(len(self.distortion), 8)] = self.distortion[:8]
        s = r * r
        top = 1 + s * (k[0] + s * (k[1] + s * k[4]))
        by_top = k[0] + s * (2 * k[1] + s * 3 * k[4])
        if not k[5:].any():
            return top, by_top
        bottom = 1 + s * (k[5] + s * (k[6] + s * k[7]))
        bottom = np.where(bottom > 0, bottom, np.nan)
        by_bottom = k[5] + s * (2 * k[6] + s * 3 * k[7])
        return top / bottom, (by_top - top / bottom * by_bottom) / bottom

    def _forward(
        self, xy: np.ndarray, derivative: bool = False
    ) -> tuple[np.ndarray, tuple[tuple[np.ndarray, ...], ...] | None]:
        """Distort (..., 2); with `derivative` also the 2x2 Jacobian as nested tuples."""
        x, y = xy[..., 0], xy[..., 1]
        s = x * x + y * y
        with np.errstate(over="ignore", invalid="ignore"):
            ratio, by_s = self._radial(np.sqrt(s))
        p1 = p2 = 0.0
        prism = (0.0,) * 4
        if self.model != "equidistant":
            p1, p2 = self.distortion[2:4] or (0.0, 0.0)
            prism = self.distortion[8:12] or prism
        u, v = x * ratio, y * ratio
        if p1 or p2:
            u = u + 2 * p1 * x * y + p2 * (s + 2 * x * x)
            v = v + p1 * (s + 2 * y * y) + 2 * p2 * x * y
        if any(prism):
            u = u + s * (prism[0] + prism[1] * s)
            v = v + s * (prism[2] + prism[3] * s)
        out = np.stack([u, v], -1)
        if not derivative:
            return out, None
        cross = 2 * x * y * by_s + 2 * p1 * x + 2 * p2 * y
        prism_u, prism_v = prism[0] + 2 * prism[1] * s, prism[2] + 2 * prism[3] * s
        jacobian = (
            (ratio + 2 * x * x * by_s + 2 * p1 * y + 6 * p2 * x + 2 * x * prism_u,
             cross + 2 * y * prism_u),
            (cross + 2 * x * prism_v,
             ratio + 2 * y * y * by_s + 6 * p1 * y + 2 * p2 * x + 2 * y * prism_v),
        )  # fmt: skip
        return out, jacobian

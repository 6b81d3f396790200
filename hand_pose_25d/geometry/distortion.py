"""Lens distortion as OpenCV and sensor_msgs/CameraInfo define it, and its inverse.

Forward: undistorted normalised coordinates (x, y) to distorted ones.  The inverse is Newton's
method with the analytic derivative, for all points at once, started from a table of the radial
part.  Polynomials fold back beyond some radius; there the answer is NaN, not a second image.
"""

from __future__ import annotations

import math
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

# What drivers and calibrators call these models besides.
_ALIASES = {"fisheye": "equidistant", "kannala_brandt4": "equidistant"}

_NEWTON_STEPS = 12
_CONVERGED = 1e-13  # in normalised coordinates: far below a billionth of a pixel
_ACCEPTED = 1e-10
_WIDEST = math.radians(88.0)  # rays farther from the axis have no usable (x, y, 1) form

Jacobian = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


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


class Distortion:
    """A distortion model with its coefficients.  Raises ValueError for what is no such thing."""

    def __init__(self, model: str, coefficients: tuple[float, ...]) -> None:
        """Take OpenCV's coefficients; none at all means an undistorted pinhole."""
        if model not in MODELS:
            raise ValueError(f"unknown distortion model {model!r}; known: {', '.join(MODELS)}")
        if coefficients and len(coefficients) not in MODELS[model]:
            raise ValueError(
                f"distortion model {model} takes 0, "
                f"{' or '.join(str(n) for n in MODELS[model])} coefficients, "
                f"got {len(coefficients)}"
            )
        if not all(math.isfinite(d) for d in coefficients):
            raise ValueError(f"distortion coefficients must be finite, got {coefficients}")
        self.fisheye = model == "equidistant" and bool(coefficients)
        self.is_identity = not self.fisheye and not any(coefficients)
        self.coefficients = coefficients
        # (k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4), or (k1, k2, k3, k4)
        self._k = (*coefficients, *(0.0,) * (12 - len(coefficients)))

    def distort(self, xy: np.ndarray) -> np.ndarray:
        """Map undistorted to distorted normalised coordinates: (..., 2) -> (..., 2).

        NaN beyond the radius at which the model folds back.
        """
        valid = np.hypot(xy[..., 0], xy[..., 1]) <= self._table[0][-1]
        return np.where(valid[..., None], self._forward(xy), np.nan)

    def undistort(self, target: np.ndarray) -> np.ndarray:
        """Map distorted to undistorted normalised coordinates: (..., 2) -> (..., 2).

        NaN where no ray within the model's valid field of view arrives.
        """
        shape, target = target.shape, target.reshape(-1, 2)
        undistorted, distorted = self._table
        radius = np.hypot(target[:, 0], target[:, 1])
        # The radial part alone starts so near that few steps follow.
        ratio = np.interp(radius, distorted, undistorted) / np.maximum(radius, 1e-9)
        xy = target * np.where(radius > 1e-9, ratio, undistorted[1] / distorted[1])[:, None]
        with np.errstate(all="ignore"):
            for _ in range(_NEWTON_STEPS):
                at, ((a, b), (c, d)) = self._forward_derivative(xy)
                error = target - at
                if not (np.abs(error) > _CONVERGED).any():
                    break
                u, v = error.T
                step = np.stack([d * u - b * v, a * v - c * u], -1) / (a * d - b * c)[:, None]
                xy = xy + np.clip(np.where(np.isfinite(step), step, 0.0), -0.5, 0.5)
            error = np.abs(target - self._forward(xy)).max(-1)
            good = (error < _ACCEPTED) & (np.hypot(xy[:, 0], xy[:, 1]) <= undistorted[-1])
        return np.where(good[:, None], xy, np.nan).reshape(shape)

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Undistorted and distorted radii, rising together up to where the model folds back."""
        r = np.tan(np.linspace(0.0, _WIDEST, 2049))
        with np.errstate(all="ignore"):
            radial = self._radial(r)[0] * r
        rising = np.isfinite(radial[1:]) & (np.diff(radial) > 0)
        last = len(rising) if rising.all() else int(np.argmin(rising))
        if last < 1:
            raise ValueError(f"distortion {self.coefficients} is no lens: its radii do not rise")
        return r[: last + 1], radial[: last + 1]

    def _radial(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return distorted / undistorted radius, and its derivative by r^2, at radii r."""
        k = self._k
        if self.fisheye:
            r = np.maximum(r, 1e-8)
            t = np.arctan(r)
            t2 = t * t
            angle = t * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
            slope = 1 + t2 * (3 * k[0] + t2 * (5 * k[1] + t2 * (7 * k[2] + t2 * 9 * k[3])))
            by_r = (slope / (1 + r * r) - angle / r) / r  # loses its digits as r vanishes
            return angle / r, np.where(r < 1e-4, k[0] - 1 / 3, by_r / (2 * r))
        s = r * r
        top = 1 + s * (k[0] + s * (k[1] + s * k[4]))
        by_top = k[0] + s * (2 * k[1] + s * 3 * k[4])
        bottom = 1 + s * (k[5] + s * (k[6] + s * k[7]))
        bottom = np.where(bottom > 0, bottom, np.nan)
        by_bottom = k[5] + s * (2 * k[6] + s * 3 * k[7])
        return top / bottom, (by_top - top / bottom * by_bottom) / bottom

    def _tangential(self) -> tuple[float, ...]:
        """Return p1, p2, s1, s2, s3, s4; the fisheye model has none."""
        return (0.0,) * 6 if self.fisheye else (*self._k[2:4], *self._k[8:12])

    def _forward(self, xy: np.ndarray) -> np.ndarray:
        x, y = xy[..., 0], xy[..., 1]
        p1, p2, s1, s2, s3, s4 = self._tangential()
        s = x * x + y * y
        with np.errstate(all="ignore"):
            ratio = self._radial(np.sqrt(s))[0]
            u = x * ratio + 2 * p1 * x * y + p2 * (s + 2 * x * x) + s * (s1 + s2 * s)
            v = y * ratio + p1 * (s + 2 * y * y) + 2 * p2 * x * y + s * (s3 + s4 * s)
        return np.stack([u, v], -1)

    def _forward_derivative(self, xy: np.ndarray) -> tuple[np.ndarray, Jacobian]:
        """Distort (N, 2); also the derivative, ((du/dx, du/dy), (dv/dx, dv/dy)), each (N,)."""
        x, y = xy[..., 0], xy[..., 1]
        p1, p2, s1, s2, s3, s4 = self._tangential()
        s = x * x + y * y
        ratio, by_s = self._radial(np.sqrt(s))
        cross = 2 * x * y * by_s + 2 * p1 * x + 2 * p2 * y
        prism_u, prism_v = s1 + 2 * s2 * s, s3 + 2 * s4 * s
        return self._forward(xy), (
            (
                ratio + 2 * x * x * by_s + 2 * p1 * y + 6 * p2 * x + 2 * x * prism_u,
                cross + 2 * y * prism_u,
            ),
            (
                cross + 2 * x * prism_v,
                ratio + 2 * y * y * by_s + 6 * p1 * y + 2 * p2 * x + 2 * y * prism_v,
            ),
        )

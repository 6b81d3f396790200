"""The virtual camera of a hand, and its image, the crop.

A hand off the optical axis appears rotated and stretched, and the more so the wider the lens.  The
network therefore gets the image of a virtual pinhole camera with the same centre, rotated so that
its axis passes through the region's centre and its up is the region's up.  For a camera without
distortion that is one homography; with distortion, one remap of the crop's rays.  The network's
pixels and relative depths belong to the virtual camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.vectors import cross

_STEP = 0.5  # px, of the differences that measure how many radians a pixel is
_SHARP, _FILTERED = 1.3, 1.5
"""Image px a crop px: up to the first the crop is sampled as it is, from the second on the filter
is full; between them it sets in little by little, so that a hand that moves sees no step."""
_BLUR = 0.11
"""Variance of the filter, square crop px: with it and the samples' interpolation a pattern of 0.6
cycles a crop px, above the crop's Nyquist frequency, keeps less than half of its contrast."""


def sampling_filter(ratio: float) -> tuple[int, float]:
    """Return `shrink` and `blur` of a `VirtualCamera` for so many image px a crop px."""
    shrink = max(1, int(ratio))
    share = min(max((ratio - _SHARP) / (_FILTERED - _SHARP), 0.0), 1.0)
    # Averages over three pixels and more damp enough by themselves.
    return shrink, share * _BLUR * (ratio / shrink) ** 2 if shrink < 3 else 0.0


@dataclass(frozen=True)
class VirtualCamera:
    """A pinhole camera with a square image that faces a region, made by `from_region`.

    The virtual frame is never mirrored; `mirror` swaps left and right in the crop's pixels only
    (u becomes size - 1 - u), so that networks see a left hand as a right one.
    """

    camera: Camera
    rotation: np.ndarray
    """(3, 3) float64: X_virtual = rotation @ X_camera."""
    focal: float
    """Focal length of the virtual camera, crop pixels."""
    size: int
    """Side of the crop, pixels."""
    mirror: bool = False
    shrink: int = 1
    """The image is first averaged over blocks of this size where the crop is much smaller."""
    blur: float = 0.0
    """Variance, in square pixels of that average, of the three-tap filter that comes next."""

    @classmethod
    def from_region(
        cls, camera: Camera, region: Region, size: int, mirror: bool = False
    ) -> VirtualCamera:
        """Make the virtual camera of a region, with a crop of size x size pixels.

        At the region's centre the crop's magnification is size / region.size, the region's up
        (cos and sin of its angle) is the crop's up.  A centre that the lens cannot see is moved
        towards the principal point.
        """
        if size < 2:
            raise ValueError(f"a crop has at least 2 x 2 px, got {size}")
        center, principal = np.array(region.center), np.array([camera.cx, camera.cy])
        cos, sin = math.cos(region.angle) * _STEP, math.sin(region.angle) * _STEP
        # The centre, and a step up, down, right and left of it.
        stencil = np.array([(0.0, 0.0), (sin, -cos), (-sin, cos), (cos, sin), (-cos, -sin)])
        rays = camera.rays(center + stencil)
        if not np.isfinite(rays).all():
            way = np.linspace(0.0, 1.0, 65)[:, None, None]  # 0: the region's centre itself
            tried = camera.rays(center + way * (principal - center) + stencil)
            rays = tried[np.argmax(np.isfinite(tried).all((1, 2)))]
        directions = _lift(rays)
        directions /= np.sqrt(np.square(directions).sum(-1, keepdims=True))
        forward = directions[0]
        upward, sideways = directions[1] - directions[2], directions[3] - directions[4]
        upward = upward - forward * (forward @ upward)
        # Radians a pixel, as the geometric mean of both ways: the crop keeps the region's area.
        area = cross(upward, sideways)
        radians = (area @ area) ** 0.25 / (2 * _STEP)
        down = -upward / math.sqrt(upward @ upward)
        rotation = np.array([cross(down, forward), down, forward])
        focal = size / (region.size * radians)
        shrink, blur = sampling_filter(region.size / size)
        return cls(camera, rotation, float(focal), int(size), mirror, shrink, blur)

    @property
    def K(self) -> np.ndarray:  # noqa: N802 (the field's own name)
        """(3, 3) camera matrix of the virtual camera; the same with and without `mirror`."""
        middle = (self.size - 1) / 2
        return np.array([[self.focal, 0, middle], [0, self.focal, middle], [0, 0, 1]])

    @property
    def middle(self) -> float:
        """Both coordinates of the crop's middle, in its pixels."""
        return (self.size - 1) / 2

    @property
    def per_pixel(self) -> tuple[float, float]:
        """What a step of one crop pixel, across and down, is in normalised coordinates."""
        return (-1 / self.focal if self.mirror else 1 / self.focal), 1 / self.focal

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Return normalised coordinates in the virtual frame of crop pixels: (..., 2) -> (..., 2).

        A mirrored crop's pixels are mirrored back: the rays are those of the real hand.
        """
        return (np.asarray(pixels, dtype=np.float64) - self.middle) * self.per_pixel

    def ray_covariance(self, covariance: np.ndarray) -> np.ndarray:
        """Carry covariances of crop pixels to those of `rays`: (..., 2, 2) px^2 -> (..., 2, 2)."""
        scaled = np.asarray(covariance, dtype=np.float64) / self.focal**2
        return scaled * np.array([[1.0, -1.0], [-1.0, 1.0]]) if self.mirror else scaled

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Rotate points of the virtual frame into the camera's: (..., 3) -> (..., 3)."""
        return np.asarray(points, dtype=np.float64) @ self.rotation

    def covariance_to_camera(self, covariance: np.ndarray) -> np.ndarray:
        """Rotate covariances of the virtual frame into the camera's: (..., 3, 3) both."""
        return self.rotation.T @ np.asarray(covariance, dtype=np.float64) @ self.rotation

    def to_virtual(self, points: np.ndarray) -> np.ndarray:
        """Rotate points of the camera's frame into the virtual one: (..., 3) -> (..., 3)."""
        return np.asarray(points, dtype=np.float64) @ self.rotation.T

    def project(self, points_virtual: np.ndarray) -> np.ndarray:
        """Project points of the virtual frame into the crop: (..., 3) -> (..., 2) crop px."""
        p = np.asarray(points_virtual, dtype=np.float64)
        z = np.where(p[..., 2:] > 0, p[..., 2:], np.nan)
        xy = p[..., :2] / z * (-1.0 if self.mirror else 1.0, 1.0)
        return xy * self.focal + (self.size - 1) / 2

    def crop_to_image(self, pixels: np.ndarray) -> np.ndarray:
        """Map crop pixels to the camera's image: (..., 2) -> (..., 2); NaN where it cannot see."""
        return self.camera.project(self.to_camera(_lift(self.rays(pixels))))

    def image_to_crop(self, pixels: np.ndarray) -> np.ndarray:
        """Map pixels of the camera's image to the crop: (..., 2) -> (..., 2); NaN if behind it."""
        return self.project(self.to_virtual(_lift(self.camera.rays(pixels))))

    def sample(self, image: np.ndarray) -> np.ndarray:
        """Draw the crop of an image: (H, W[, C]) -> (size, size[, C]); black beyond the image.

        Raises ValueError where the image's size is not the camera's.
        """
        if image.shape[:2] != (self.camera.height, self.camera.width):
            raise ValueError(
                f"the image has {image.shape[1]} x {image.shape[0]} px, its camera "
                f"{self.camera.width} x {self.camera.height}"
            )
        x, y, k = 0, 0, self.shrink
        if k > 1 or self.blur:
            x, y, x_end, y_end = self._footprint()
            if x_end - x < k or y_end - y < k:
                return np.zeros((self.size, self.size, *image.shape[2:]), image.dtype)
            image = image[y:y_end, x:x_end]
            if k > 1:
                size = ((x_end - x) // k, (y_end - y) // k)
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            image = _blurred(image, self.blur)
        size = (self.size, self.size)
        if not self.camera.is_distorted:
            to_small = np.array(
                [[1 / k, 0, (0.5 - x) / k - 0.5], [0, 1 / k, (0.5 - y) / k - 0.5], [0, 0, 1]]
            )
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            return cv2.warpPerspective(image, to_small @ self.homography, size, flags=flags)
        u, v = self.maps
        if k > 1 or self.blur:
            u, v = (u - (x - 0.5)) / k - 0.5, (v - (y - 0.5)) / k - 0.5
        return cv2.remap(image, u, v, cv2.INTER_LINEAR)

    @property
    def _crop_matrix(self) -> np.ndarray:
        """The virtual camera's matrix, with a negative focal length across if it mirrors."""
        return self.K @ np.diag([-1.0 if self.mirror else 1.0, 1.0, 1.0])

    @cached_property
    def homography(self) -> np.ndarray:
        """(3, 3) from the crop's pixels to those of an image without distortion."""
        # The crop's pixels on the virtual camera's plane at depth 1, then the image's pixels.
        across, middle = -self.focal if self.mirror else self.focal, (self.size - 1) / 2
        to_rays = np.array(
            [
                [1 / across, 0.0, -middle / across],
                [0.0, 1 / self.focal, -middle / self.focal],
                [0.0, 0.0, 1.0],
            ]
        )
        return self.camera.K @ self.rotation.T @ to_rays

    @cached_property
    def maps(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each crop pixel lies in a distorted image: u and v, (size, size) float32."""
        fisheye = self.camera.model == "equidistant"
        undistort = cv2.fisheye.initUndistortRectifyMap if fisheye else cv2.initUndistortRectifyMap
        return undistort(
            self.camera.K,
            np.array(self.camera.distortion),
            self.rotation,
            self._crop_matrix,
            (self.size, self.size),
            cv2.CV_32FC1,
        )

    def _footprint(self) -> tuple[int, int, int, int]:
        """Return the crop's bounding box in the image, x, y, x_end, y_end, in whole blocks."""
        if self.camera.is_distorted:
            side = np.linspace(-1.0, self.size, 9)
            edge = np.stack([np.tile(side, 2), np.repeat([-1.0, self.size], len(side))], -1)
            points = self.crop_to_image(np.concatenate([edge, edge[:, ::-1]]))
        else:  # straight lines stay straight: the corners are the outermost
            far = float(self.size)
            corners = np.array([[-1.0, far, -1.0, far], [-1.0, -1.0, far, far], [1.0] * 4])
            u, v, w = self.homography @ corners
            w = np.where(w > 0, w, np.nan)  # behind the camera
            points = np.stack([u / w, v / w], -1)
        limits = np.array([self.camera.width, self.camera.height])
        low, high = np.zeros(2), limits.astype(float)
        if np.isfinite(points).all():
            low, high = points.min(0) - self.shrink, points.max(0) + self.shrink
        low = np.clip(np.floor(low), 0, limits).astype(int)
        high = np.clip(np.ceil(high), 0, limits).astype(int)
        high -= (high - low) % self.shrink
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _blurred(image: np.ndarray, variance: float) -> np.ndarray:
    """Return an image after the filter (v / 2, 1 - v, v / 2), both ways; v: its variance."""
    if not variance:
        return image
    # Not GaussianBlur: it splits even a small image over threads, and waits for all of them.
    taps = np.array([variance / 2, 1 - variance, variance / 2])
    return cv2.sepFilter2D(image, -1, taps, taps)


def _lift(xy: np.ndarray) -> np.ndarray:
    """Return the points at depth 1: (..., 2) -> (..., 3)."""
    return np.concatenate([xy, np.ones_like(xy[..., :1])], -1)

"""The virtual cameras of a batch of hands: `VirtualCamera`'s geometry for many hands at once.

The jitter rotates and moves the virtual camera itself, so that depths in its frame stay exact
under rotation and translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.virtual_camera import VirtualCamera, sampling_filter
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.augmentation.regions import Regions

OUTSIDE = 0.08
"""Keypoints further outside the crop than this fraction of its side are not asked for."""
_STEP = 0.5  # px, as in VirtualCamera.from_region


@dataclass(frozen=True)
class Pinholes:
    """B cameras without distortion."""

    matrices: np.ndarray
    """(B, 3, 3) px"""

    @classmethod
    def centred(cls, focal: np.ndarray, side: int) -> Pinholes:
        """Cameras of (B,) focal lengths, px, whose axes meet the images in their middle."""
        return cls(_matrices(focal, (side - 1) / 2))

    def rays(self, uv: np.ndarray) -> np.ndarray:
        """(B, n, 2) px -> (B, n, 2) normalised coordinates."""
        focal = self.matrices[:, None, [0, 1], [0, 1]]
        return (uv - self.matrices[:, None, :2, 2]) / focal


@dataclass(frozen=True)
class Cameras:
    """B cameras of any kind, one by one."""

    each: Sequence[Camera]

    def rays(self, uv: np.ndarray) -> np.ndarray:
        """(B, n, 2) px -> (B, n, 2) normalised coordinates, NaN where a lens cannot see."""
        return np.stack(
            [camera.rays(points) for camera, points in zip(self.each, uv, strict=True)]
        )


@dataclass(frozen=True)
class VirtualCameras:
    """B virtual cameras with crops of `size` px."""

    cameras: Pinholes | Cameras
    """Of the images."""
    rotation: np.ndarray
    """(B, 3, 3): X_virtual = rotation @ X_camera."""
    focal: np.ndarray
    """(B,) of the virtual cameras, crop px."""
    mirror: np.ndarray
    """(B,) bool"""
    ratio: np.ndarray
    """(B,) image px a crop px, at the regions' centres."""
    size: int

    @classmethod
    def of(
        cls, cameras: Pinholes | Cameras, regions: Regions, size: int, mirror: np.ndarray
    ) -> VirtualCameras:
        """Make the virtual camera of each region, as `VirtualCamera.from_region` does."""
        cos, sin = np.cos(regions.angle), np.sin(regions.angle)
        up = np.stack([sin, -cos], -1) * _STEP
        right = np.stack([cos, sin], -1) * _STEP
        stencil = np.stack([np.zeros_like(up), up, -up, right, -right], 1)
        rays = cameras.rays(regions.center[:, None] + stencil)
        directions = np.concatenate([rays, np.ones_like(rays[..., :1])], -1)
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        forward = directions[:, 0]
        upward = directions[:, 1] - directions[:, 2]
        sideways = directions[:, 3] - directions[:, 4]
        upward = upward - forward * (forward * upward).sum(-1, keepdims=True)
        area = np.linalg.norm(np.cross(upward, sideways), axis=-1)
        down = -upward / np.linalg.norm(upward, axis=-1, keepdims=True)
        rotation = np.stack([np.cross(down, forward), down, forward], 1)
        focal = size / (regions.size * np.sqrt(area) / (2 * _STEP))
        if isinstance(cameras, Cameras):  # centres that a lens cannot see are moved
            for i, (camera, region) in enumerate(zip(cameras.each, regions, strict=True)):
                if not np.isfinite(rays[i]).all():
                    virtual = VirtualCamera.from_region(camera, region, size)
                    rotation[i], focal[i] = virtual.rotation, virtual.focal
        return cls(cameras, rotation, focal, np.asarray(mirror, bool), regions.size / size, size)

    def camera(self, i: int) -> VirtualCamera:
        """Return the i-th of cameras that are `Cameras`, for its pixels."""
        assert isinstance(self.cameras, Cameras)
        return VirtualCamera(
            self.cameras.each[i],
            self.rotation[i],
            float(self.focal[i]),
            self.size,
            bool(self.mirror[i]),
            *sampling_filter(float(self.ratio[i])),
        )

    @property
    def homographies(self) -> np.ndarray:
        """(B, 3, 3) of pinholes: crop pixels -> image pixels."""
        assert isinstance(self.cameras, Pinholes)
        crop = _matrices(self.focal, (self.size - 1) / 2)
        crop[:, 0, 0] *= np.where(self.mirror, -1.0, 1.0)
        return self.cameras.matrices @ self.rotation.transpose(0, 2, 1) @ np.linalg.inv(crop)

    def image_to_crop(self, uv: np.ndarray) -> np.ndarray:
        """(B, 21, 2) image px -> (B, 21, 2) crop px, NaN behind the virtual camera."""
        rays = self.cameras.rays(uv)
        points = self.to_virtual(np.concatenate([rays, np.ones_like(rays[..., :1])], -1))
        z = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        xy = points[..., :2] / z
        xy[..., 0] *= np.where(self.mirror, -1.0, 1.0)[:, None]
        return xy * self.focal[:, None, None] + (self.size - 1) / 2

    def to_virtual(self, points: np.ndarray) -> np.ndarray:
        """(B, n, 3) in the images' cameras -> (B, n, 3) in the virtual ones."""
        return points @ self.rotation.transpose(0, 2, 1)

    def depths(self, keypoints: np.ndarray) -> np.ndarray:
        """(B, 21, 3) m -> (B, 21) normalised depths in the virtual cameras."""
        return encode(self.to_virtual(keypoints)).relative_depth

    def labels(self, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, 21, 2) image px -> crop px, and (B, 21) 1 where they are in the crop or near it."""
        seen = self.image_to_crop(uv)
        margin = OUTSIDE * self.size
        inside = np.isfinite(seen).all(-1)
        inside &= (seen > -margin).all(-1) & (seen < self.size + margin).all(-1)
        return np.nan_to_num(seen), inside.astype(np.float64)


def identity(side: int, count: int, size: int) -> np.ndarray:
    """(count, 3, 3) homographies that scale whole images to the crop, as cv2.resize does."""
    scale = side / size
    shift = 0.5 * scale - 0.5
    matrix = np.array([[scale, 0, shift], [0, scale, shift], [0, 0, 1.0]])
    return np.repeat(matrix[None], count, 0)


def read_pixels(images: Tensor, homographies: Tensor, size: int) -> Tensor:
    """Read crops: images (B, C, H, W) float, homographies (B, 3, 3) crop px -> image px.

    (B, C, size, size) float32 on the images' device; bilinear, 0 beyond the image.
    """
    line = torch.arange(size, dtype=torch.float32, device=images.device)
    v, u = torch.meshgrid(line, line, indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)], -1).view(1, -1, 3)
    places = pixels @ homographies.float().transpose(1, 2)
    places = places[..., :2] / places[..., 2:]
    height, width = images.shape[-2:]
    x, y = ((places[..., i] + 0.5) * (2 / n) - 1 for i, n in enumerate((width, height)))
    grid = torch.stack([x, y], -1).view(-1, size, size, 2)
    return F.grid_sample(images, grid, align_corners=False)


def _matrices(focal: np.ndarray, middle: float) -> np.ndarray:
    K = np.zeros((len(focal), 3, 3))  # noqa: N806
    K[:, 0, 0] = K[:, 1, 1] = focal
    K[:, :2, 2] = middle
    K[:, 2, 2] = 1
    return K

"""`training_sample.cut` for many crops at once: pinhole cameras with a centred principal point.

Cutting one by one costs more than a GPU's training step; here the geometry of a whole batch is a
few array operations, and the pixels are read on the device that holds the images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d.geometry.roi import REGION_SCALE, REGION_SHIFT, STABLE_KEYPOINTS
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.datasets.training_sample import Jitter, near_crop

_STEP = 0.5  # px, as in crop.VirtualCamera.from_region


@dataclass(frozen=True)
class Regions:
    """B turned squares: `region.Region`, field by field."""

    center: np.ndarray
    """(B, 2) px"""
    size: np.ndarray
    """(B,) px"""
    angle: np.ndarray
    """(B,) radians"""


def ideal_regions(uv: np.ndarray) -> Regions:
    """Return `Region.from_keypoints` of each hand: (B, 21, 2) px."""
    knuckles = (uv[:, 9] + (uv[:, 5] + uv[:, 13]) / 2) / 2
    axis = knuckles - uv[:, 0]
    angle = np.arctan2(axis[:, 0], -axis[:, 1])
    up = np.stack([np.sin(angle), -np.cos(angle)], -1)
    right = np.stack([np.cos(angle), np.sin(angle)], -1)
    points = uv[:, list(STABLE_KEYPOINTS)]
    along, across = (np.einsum("bkc,bc->bk", points, way) for way in (up, right))
    length, width = np.ptp(along, axis=1), np.ptp(across, axis=1)
    center = up * ((along.max(1) + along.min(1)) / 2 + REGION_SHIFT * length)[:, None]
    center = center + right * ((across.max(1) + across.min(1)) / 2)[:, None]
    return Regions(center, np.maximum(length, width) * REGION_SCALE, angle)


def jittered(ideal: Regions, jitter: Jitter, rng: np.random.Generator) -> Regions:
    """Draw a region around each ideal one, as `Jitter.region` does."""
    count = len(ideal.size)
    turn = rng.normal(0, jitter.angle, count)
    anyhow = rng.random(count) < jitter.any_angle
    turn = np.where(anyhow, rng.uniform(-np.pi, np.pi, count), turn)
    shift = rng.normal(0, jitter.shift, (count, 2)).clip(-0.2, 0.2) * ideal.size[:, None]
    size = ideal.size * np.exp(rng.normal(0, jitter.scale, count).clip(-0.35, 0.35))
    return Regions(ideal.center + shift, size, ideal.angle + turn)


@dataclass(frozen=True)
class Views:
    """B virtual cameras, `crop.VirtualCamera` of images of `side` x `side` px, crops of `size`."""

    K: np.ndarray
    """(B, 3, 3) of the images' cameras."""
    rotation: np.ndarray
    """(B, 3, 3): X_virtual = rotation @ X_camera."""
    focal: np.ndarray
    """(B,) of the virtual cameras, crop px."""
    mirror: np.ndarray
    """(B,) bool"""
    size: int

    @classmethod
    def of(
        cls, focal: np.ndarray, side: int, regions: Regions, size: int, mirror: np.ndarray
    ) -> Views:
        """Look at a region of each image; `focal` (B,) px of the images' cameras."""
        middle = (side - 1) / 2
        cos, sin = np.cos(regions.angle), np.sin(regions.angle)
        up = np.stack([sin, -cos], -1) * _STEP
        right = np.stack([cos, sin], -1) * _STEP
        stencil = np.stack([np.zeros_like(up), up, -up, right, -right], 1)
        rays = (regions.center[:, None] + stencil - middle) / focal[:, None, None]
        directions = np.concatenate([rays, np.ones_like(rays[..., :1])], -1)
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        forward = directions[:, 0]
        upward = directions[:, 1] - directions[:, 2]
        sideways = directions[:, 3] - directions[:, 4]
        upward = upward - forward * (forward * upward).sum(-1, keepdims=True)
        area = np.linalg.norm(np.cross(upward, sideways), axis=-1)
        down = -upward / np.linalg.norm(upward, axis=-1, keepdims=True)
        rotation = np.stack([np.cross(down, forward), down, forward], 1)
        virtual = size / (regions.size * np.sqrt(area) / (2 * _STEP))
        return cls(_matrices(focal, middle), rotation, virtual, np.asarray(mirror), size)

    @property
    def homographies(self) -> np.ndarray:
        """(B, 3, 3): crop pixels -> image pixels."""
        flip = np.where(self.mirror, -1.0, 1.0)
        crop = _matrices(self.focal, (self.size - 1) / 2)
        crop[:, 0, 0] *= flip
        return self.K @ self.rotation.transpose(0, 2, 1) @ np.linalg.inv(crop)

    def image_to_crop(self, uv: np.ndarray) -> np.ndarray:
        """(B, 21, 2) image px -> (B, 21, 2) crop px, NaN behind the virtual camera."""
        lifted = np.concatenate([uv, np.ones_like(uv[..., :1])], -1)
        rays = lifted @ np.linalg.inv(self.K).transpose(0, 2, 1)
        points = self.to_virtual(rays)
        z = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        flip = np.stack([np.where(self.mirror, -1.0, 1.0), np.ones(len(self.focal))], -1)
        xy = points[..., :2] / z * flip[:, None]
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
        return np.nan_to_num(seen), near_crop(seen, self.size)


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

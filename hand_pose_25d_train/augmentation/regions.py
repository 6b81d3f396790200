"""Regions of a batch of hands, and how training regions differ from the ideal ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.geometry.roi import REGION_SCALE, REGION_SHIFT, STABLE_KEYPOINTS, Region


@dataclass(frozen=True)
class Regions:
    """B turned squares: `Region`, field by field.

    Raises ValueError where a number is not finite or a size not above 0.
    """

    center: np.ndarray
    """(B, 2) px"""
    size: np.ndarray
    """(B,) px"""
    angle: np.ndarray
    """(B,) radians"""

    def __post_init__(self) -> None:
        numbers = np.column_stack([self.center, self.size, self.angle])
        if not np.isfinite(numbers).all() or (self.size <= 0).any():
            wrong = np.flatnonzero(~np.isfinite(numbers).all(1) | (self.size <= 0))
            raise ValueError(
                f"regions need finite numbers and a size above 0; hand {wrong[0]} has the centre "
                f"{self.center[wrong[0]]} and the size {self.size[wrong[0]]}"
            )

    def __iter__(self) -> Iterator[Region]:
        for center, size, angle in zip(self.center, self.size, self.angle, strict=True):
            yield Region((float(center[0]), float(center[1])), float(size), float(angle))

    @classmethod
    def from_keypoints(cls, uv: np.ndarray) -> Regions:
        """Make the regions of hands (B, 21, 2) px, as `Region.from_keypoints` does."""
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
        return cls(center, np.maximum(length, width) * REGION_SCALE, angle)


@dataclass(frozen=True)
class Jitter:
    """How training regions differ from the ideal one (Iqbal et al., Section 5: rotation,
    translation and scale augmentation)."""

    angle: float = 0.3
    """Standard deviation, radians."""
    any_angle: float = 0.12
    """Share of samples turned by any angle."""
    shift: float = 0.05
    """Standard deviation of the centre, in region sides."""
    scale: float = 0.13
    """Standard deviation of the log of the side."""
    wrong_handedness: float = 0.3
    """Share of samples shown as the other hand, so that handedness can be learned."""

    def place(self, uv: np.ndarray, rng: np.random.Generator) -> Regions:
        """Draw a region for each hand (B, 21, 2) px; ValueError where its pixels are no hand's."""
        ideal = Regions.from_keypoints(uv)
        count = len(uv)
        rotation = rng.normal(0, self.angle, count)
        anyhow = rng.random(count) < self.any_angle
        shift = rng.normal(0, self.shift, (count, 2)).clip(-0.2, 0.2) * ideal.size[:, None]
        size = ideal.size * np.exp(rng.normal(0, self.scale, count).clip(-0.35, 0.35))
        rotation = np.where(anyhow, rng.uniform(-np.pi, np.pi, count), rotation)
        return Regions(ideal.center + shift, size, ideal.angle + rotation)

"""Region: the part of an image that the pose network sees, and which way the hand points.

The square around the palm follows the scheme of MediaPipe Hands (Zhang et al., 2020, Section 2):
its size follows the palm and the middle joints, not the fingertips, so that it does not collapse
when the hand closes, and it rotates with the hand, so that the network sees fingers that point up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Wrist, thumb up to the MCP, and every finger up to the PIP: what a closing hand keeps.
STABLE_KEYPOINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_KNUCKLES = (5, 9, 13, 17)
_AXIS = (0, 5, 9, 13)
REGION_SCALE = 2.0
REGION_SHIFT = 0.1
STEADY_SHARE = 0.06
STEADY_ANGLE = math.radians(7)
"""A region moved by less of its size, or rotated by less, shows the pose network the same."""


@dataclass(frozen=True)
class Region:
    """A square in an image, rotated in the plane."""

    center: tuple[float, float]
    """Pixels (u, v)."""
    size: float
    """Side, pixels."""
    angle: float = 0.0
    """Radians, clockwise as seen: 0 where wrist -> middle MCP points up (0, -1) in the image."""

    def __post_init__(self) -> None:
        values = (*self.center, self.size, self.angle)
        if not all(math.isfinite(v) for v in values) or self.size <= 0:
            raise ValueError(f"a region needs finite numbers and a size above 0, got {self}")

    @classmethod
    def from_box(
        cls, box: tuple[float, float, float, float], angle: float = 0.0, margin: float = 1.25
    ) -> Region:
        """Make the square around the (x, y, w, h) box of all keypoints, widened by `margin`."""
        x, y, w, h = (float(v) for v in box)
        return cls((x + w / 2, y + h / 2), max(w, h) * margin, angle)

    @classmethod
    def from_keypoints(cls, keypoints_2d: np.ndarray) -> Region:
        """Make the region of a hand whose (21, 2) pixels are known, e.g. in the previous image.

        Keypoints that are NaN, beyond the lens's valid field, are left out.

        Raises ValueError where fewer than half of the stable keypoints are finite, or those that
        are lie in one place.
        """
        points = np.asarray(keypoints_2d, dtype=np.float64).take(STABLE_KEYPOINTS, 0)
        points = points[np.isfinite(points).all(-1)]
        if len(points) < len(STABLE_KEYPOINTS) / 2:
            raise ValueError(
                f"a region needs {len(STABLE_KEYPOINTS) // 2} finite ones of the keypoints "
                f"{STABLE_KEYPOINTS}, got {len(points)}"
            )
        angle = hand_angle(keypoints_2d)
        sin, cos = math.sin(angle), math.cos(angle)
        turned = points @ np.array([[sin, cos], [-cos, sin]])  # along the axis, across it
        (bottom, left), (top, right) = turned.min(0).tolist(), turned.max(0).tolist()
        along, across = (top + bottom) / 2 + REGION_SHIFT * (top - bottom), (right + left) / 2
        center = (sin * along + cos * across, sin * across - cos * along)
        return cls(center, max(top - bottom, right - left) * REGION_SCALE, angle)


def hand_angle(keypoints_2d: np.ndarray) -> float:
    """Return the angle of the hand's axis, wrist -> middle MCP, in the sense of `Region.angle`.

    The mean of the index and ring MCP steadies the middle one's, as in MediaPipe Hands.  Where
    these or the wrist are NaN, the axis is from the wrist to the mean of the other knuckles, else
    the mean of the fingers' bones.  NaN where no finger has two keypoints.
    """
    points = np.asarray(keypoints_2d, dtype=np.float64)
    wrist, index, middle, ring = points.take(_AXIS, 0).tolist()
    x, y = ((middle[i] + (index[i] + ring[i]) / 2) / 2 - wrist[i] for i in range(2))
    if math.isfinite(x) and math.isfinite(y):
        return math.atan2(x, -y)
    bones = points[list(_KNUCKLES)] - points[0]
    if not np.isfinite(bones).all(-1).any():
        bones = np.diff(points[5:].reshape(4, 4, 2), axis=1).reshape(-1, 2)
    bones = bones[np.isfinite(bones).all(-1)]
    axis = bones.sum(0) if len(bones) else np.full(2, np.nan)
    return math.atan2(axis[0], -axis[1])


def same_crop(a: Region, b: Region) -> bool:
    """Tell whether two regions differ by less than STEADY_SHARE of a's size and STEADY_ANGLE."""
    turned = (b.angle - a.angle + math.pi) % math.tau - math.pi
    return (
        math.dist(a.center, b.center) < STEADY_SHARE * a.size
        and abs(b.size - a.size) < STEADY_SHARE * a.size
        and abs(turned) < STEADY_ANGLE
    )


def region_iou(a: Region, b: Region) -> float:
    """Return the intersection over union of two regions' squares, their angles disregarded."""
    half = (a.size + b.size) / 2
    width = min(half - abs(a.center[0] - b.center[0]), a.size, b.size)
    height = min(half - abs(a.center[1] - b.center[1]), a.size, b.size)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (a.size**2 + b.size**2 - common)


def center_distance(a: Region, b: Region) -> float:
    """Return the distance of the centres in units of the larger region's size."""
    return math.dist(a.center, b.center) / max(a.size, b.size)

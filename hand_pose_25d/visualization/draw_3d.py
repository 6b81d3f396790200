"""A 3D picture of hands, seen from beside the camera, over a floor grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS
from hand_pose_25d.visualization.draw_2d import GREY, PAPER, Color, text, text_width

BACKGROUND = ((30, 33, 42), (16, 17, 22))
"""RGB at the top and at the bottom."""
GRID: Color = (66, 71, 84)
SHADOW: Color = (10, 11, 14)
BONE_RADIUS = 0.0055  # metres
OVERSAMPLING = 2


@dataclass(frozen=True)
class Viewpoint:
    """Where the picture is taken from: an orbit about a point of the camera's optical frame."""

    center: np.ndarray
    """(3,) metres: what the picture shows in its middle."""
    radius: float
    """Metres about the centre that the picture shows."""
    yaw: float = math.radians(38)
    """To the right of the real camera, seen from the hands; radians."""
    pitch: float = math.radians(22)
    """Above the real camera."""

    @classmethod
    def around(cls, hands: Sequence[HandPose], **angles: float) -> Viewpoint:
        """Frame the hands given, of one image or a video; half a metre ahead without any."""
        points = np.concatenate(
            [h.keypoints[np.isfinite(h.keypoints).all(1)] for h in hands] or [np.zeros((0, 3))]
        )
        if not len(points):
            return cls(np.array([0.0, 0.0, 0.5]), 0.15, **angles)
        low, high = np.percentile(points, (3, 97), axis=0)
        return cls((low + high) / 2, max(0.11, float(np.linalg.norm(high - low)) / 2), **angles)

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3): X_view = rotation @ (X_camera - center), axes as in an optical frame."""
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        cp, sp = math.cos(self.pitch), math.sin(self.pitch)
        pan = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        tilt = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        return tilt @ pan

    def project(self, points: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """(..., 3) metres -> (..., 2) pixels of a (width, height) picture and pixels a metre."""
        distance = 4.2 * self.radius
        view = (np.asarray(points, dtype=np.float64) - self.center) @ self.rotation.T
        depth = np.maximum(view[..., 2] + distance, 0.05 * distance)
        focal = 0.40 * min(size) * distance / self.radius
        middle = np.array([size[0] / 2, size[1] / 2])
        return view[..., :2] * (focal / depth)[..., None] + middle, focal / depth


class MovingViewpoint:
    """Follows the hands of a video calmly: pans and zooms take some ten images."""

    def __init__(self, steadiness: float = 0.92) -> None:
        """`steadiness`: the share of the last image's viewpoint in the next, in [0, 1)."""
        self._steadiness = steadiness
        self._last: Viewpoint | None = None

    def follow(self, hands: Sequence[HandPose]) -> Viewpoint:
        """Return the viewpoint for the next image."""
        seen = [h for h in hands if np.isfinite(h.keypoints).all()]
        if not seen:
            return self._last or Viewpoint.around([])
        wanted, old = Viewpoint.around(seen), self._last
        if old is not None:
            share = self._steadiness
            wanted = replace(
                wanted,
                center=share * old.center + (1 - share) * wanted.center,
                radius=share * old.radius + (1 - share) * wanted.radius,
            )
        self._last = wanted
        return wanted


def draw_3d(
    hands: Sequence[HandPose],
    size: tuple[int, int] = (480, 480),
    viewpoint: Viewpoint | None = None,
    labels: bool = True,
) -> np.ndarray:
    """Draw hands in 3D: (width, height) -> (height, width, 3) uint8 RGB.

    Hands whose keypoints are NaN are left out.  The grid is level with the camera's optical axis
    and its lines are 5 cm apart (10 cm and more where the picture shows more).
    """
    hands = [h for h in hands if np.isfinite(h.keypoints).all()]
    viewpoint = viewpoint or Viewpoint.around(hands)
    k = OVERSAMPLING
    large = (size[0] * k, size[1] * k)
    ramp = np.linspace(0, 1, large[1])[:, None, None]
    top, bottom = (np.array(c, dtype=np.float64) for c in BACKGROUND)
    canvas = np.repeat((top + (bottom - top) * ramp).astype(np.uint8), large[0], axis=1)
    floor = viewpoint.center[1] + 0.95 * viewpoint.radius
    step = _draw_floor(canvas, viewpoint, floor, large)
    _draw_shadows(canvas, hands, viewpoint, floor, large)
    _draw_tubes(canvas, hands, viewpoint, large)
    picture = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    if labels:
        _draw_captions(picture, hands, viewpoint, size, step)
    return picture


def _draw_floor(
    canvas: np.ndarray, viewpoint: Viewpoint, floor: float, size: tuple[int, int]
) -> float:
    """Draw the grid, fading outwards; return its step in metres."""
    step = next(s for s in (0.05, 0.1, 0.2, 0.5, 1.0) if s >= 0.22 * viewpoint.radius or s == 1.0)
    reach = 1.9 * viewpoint.radius
    cx, cz = viewpoint.center[0], viewpoint.center[2]
    lines = []
    for axis, middle in ((0, cx), (2, cz)):
        first, last = math.ceil((middle - reach) / step), math.floor((middle + reach) / step)
        for i in range(first, last + 1):
            start = np.array([cx - reach, floor, cz - reach])
            end = np.array([cx + reach, floor, cz + reach])
            start[axis] = end[axis] = i * step
            lines.append(np.linspace(start, end, 25))
    points = np.array(lines)
    pixels, _ = viewpoint.project(points, size)
    far = np.hypot(points[..., 0] - cx, points[..., 2] - cz) / reach
    for row, fading in zip(pixels, far, strict=True):
        for a, b, f in zip(row[:-1], row[1:], (fading[:-1] + fading[1:]) / 2, strict=True):
            share = max(0.0, 1 - f) ** 0.8
            u, v = (int(np.clip(n, 0, s - 1)) for n, s in zip((a + b) / 2, size, strict=True))
            mixed = share * np.array(GRID) + (1 - share) * canvas[v, u]
            color = tuple(int(c) for c in mixed)
            cv2.line(canvas, _whole(a), _whole(b), color, OVERSAMPLING, cv2.LINE_AA)
    return step


def _draw_shadows(
    canvas: np.ndarray,
    hands: Sequence[HandPose],
    viewpoint: Viewpoint,
    floor: float,
    size: tuple[int, int],
) -> None:
    """Darken the floor below the hands, softly: it tells how far away they are."""
    mask: np.ndarray = np.zeros(canvas.shape[:2], dtype=np.uint8)
    for hand in hands:
        points = hand.keypoints.copy()
        points[:, 1] = floor
        pixels, per_metre = viewpoint.project(points, size)
        for p, c in BONES:
            width = max(1, round(2.4 * BONE_RADIUS * per_metre[c]))
            cv2.line(mask, _whole(pixels[p]), _whole(pixels[c]), (255,), width, cv2.LINE_AA)
    if hands:
        mask = cv2.GaussianBlur(mask, (0, 0), 0.012 * size[0])
        share = mask[..., None].astype(np.float32) * (0.75 / 255)
        canvas[:] = (canvas + (np.array(SHADOW, np.float32) - canvas) * share).astype(np.uint8)


def _draw_tubes(
    canvas: np.ndarray, hands: Sequence[HandPose], viewpoint: Viewpoint, size: tuple[int, int]
) -> None:
    """Draw the bones as lit tubes with balls at the joints, far ones first."""
    ends, colors, thick = [], [], []
    for hand in hands:
        for p, c in BONES:
            ends.append((hand.keypoints[p], hand.keypoints[c]))
            # A palm's bone runs from the wrist's grey into its finger's colour.
            colors.append((KEYPOINT_COLORS[p], KEYPOINT_COLORS[c]))
            thick.append(1.0)
        for point, color in zip(hand.keypoints, KEYPOINT_COLORS, strict=True):
            ends.append((point, point))
            colors.append((color, color))
            thick.append(1.3)
    if not ends:
        return
    points = np.array(ends)
    pixels, per_metre = viewpoint.project(points, size)
    depth = ((points.mean(1) - viewpoint.center) @ viewpoint.rotation.T)[:, 2]
    haze = np.array(BACKGROUND[0], dtype=np.float64)
    for i in np.argsort(-depth, kind="stable"):
        far = max(0.0, min(float(depth[i]) / (2.5 * viewpoint.radius), 0.5))
        tint = [color + (haze - color) * far for color in np.array(colors[i], dtype=np.float64)]
        _draw_tube(canvas, pixels[i], tint, 2 * BONE_RADIUS * thick[i] * per_metre[i].mean())


def _draw_tube(
    canvas: np.ndarray, ends: np.ndarray, colors: list[np.ndarray], width: float
) -> None:
    """Draw one tube, lit from the left above: a dark rim, the body, a light streak."""
    light = np.array([-0.22, -0.28]) * width
    pieces = 1 if np.array_equal(ends[0], ends[1]) else 8
    cuts = np.linspace(0, 1, pieces + 1)
    layers = ((0.0, 1.0, 0.5), (0.3, 0.8, 0.85), (0.5, 0.55, 1.0), (0.8, 0.22, 1.3))
    for offset, share, tone in layers:
        for start, end in zip(cuts[:-1], cuts[1:], strict=True):
            middle = (start + end) / 2
            color = (colors[0] * (1 - middle) + colors[1] * middle) * tone
            shade = np.clip(color + (25 if tone > 1 else 0), 0, 255)
            a = _whole(ends[0] * (1 - start) + ends[1] * start + offset * light)
            b = _whole(ends[0] * (1 - end) + ends[1] * end + offset * light)
            stroke = max(1, round(width * share))
            cv2.line(canvas, a, b, tuple(int(s) for s in shade), stroke, cv2.LINE_AA)


def _draw_captions(
    picture: np.ndarray,
    hands: Sequence[HandPose],
    viewpoint: Viewpoint,
    size: tuple[int, int],
    step: float,
) -> None:
    letters = max(8.0, size[1] / 42)
    for hand in hands:
        tip = hand.keypoints[np.argmin(hand.keypoints[:, 1])]
        at, _ = viewpoint.project(tip, size)
        x, y, z = hand.keypoints[0]
        string = f"wrist {x:+.2f} {y:+.2f} {z:.2f} m"
        width = text_width(string, letters)
        left = float(np.clip(at[0] - width / 2, 4, max(4.0, size[0] - width - 4)))
        text(picture, string, (left, max(4.0, at[1] - 3.2 * letters)), PAPER, letters)
    grid = f"grid {step * 100:.0f} cm"
    text(picture, grid, (letters, size[1] - 2.2 * letters), GREY, 0.9 * letters)


def _whole(pixel: np.ndarray) -> tuple[int, int]:
    u, v = np.clip(np.round(pixel), -30000, 30000)
    return int(u), int(v)

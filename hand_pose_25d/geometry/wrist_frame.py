"""The wrist's frame in the camera's: what a robot's tool follows (defined in HandPose.msg)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.geometry.vectors import cross
from hand_pose_25d.skeleton import FINGERS, WRIST

PALM = [WRIST, *(FINGERS[name][0] for name in ("index", "middle", "little"))]
"""The keypoints that the wrist's frame is made of: the wrist and three MCPs."""
_COORDINATES = (3 * np.array(PALM)[:, None] + np.arange(3)).ravel()
_IDENTITY = np.eye(3)

Vector = tuple[float, float, float]
Rows = Sequence[Sequence[float]]


@dataclass(frozen=True, eq=False)
class WristPose:
    """Position and orientation of the wrist's frame; NaN throughout where they are unknown."""

    position: np.ndarray
    """(3,) metres, camera optical frame."""
    rotation: np.ndarray
    """(3, 3), the wrist frame's axes as columns: X_camera = rotation @ X_wrist + position."""
    covariance: np.ndarray
    """(6, 6) of position (m) and rotation about the camera frame's axes (rad)."""

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        """(x, y, z, w) of `rotation`, w >= 0, in the order of geometry_msgs."""
        return quaternion(self.rotation)


def wrist_pose(keypoints: np.ndarray, palm_covariance: np.ndarray, is_right: bool) -> WristPose:
    """Return the wrist's pose of (21, 3) m keypoints.

    palm_covariance: (12, 12) m^2, of the positions of the keypoints `PALM`, one after the other;
    see `independent`.
    """
    points = np.asarray(keypoints, dtype=np.float64)[PALM]
    rows = points.tolist()
    axes = _axes(rows, is_right)
    if axes is None:
        unknown = np.nan
        return WristPose(np.full(3, unknown), np.full((3, 3), unknown), np.full((6, 6), unknown))
    rotation = np.array(axes).T
    jacobian = np.zeros((6, 12))
    jacobian[:3, :3] = _IDENTITY
    jacobian[3:] = rotation @ np.array(_turning(rows, axes, is_right)).reshape(3, 12)
    return WristPose(points[0], rotation, jacobian @ palm_covariance @ jacobian.T)


def wrist_rotation(keypoints: np.ndarray, is_right: bool) -> np.ndarray:
    """Return the wrist frame's axes as columns: (..., 21, 3) m -> (..., 3, 3).

    x points from the wrist to the middle MCP, z out of the back of the hand, y = z cross x.  NaN
    where keypoints are, or lie on one line.
    """
    points = np.asarray(keypoints, dtype=np.float64)[..., PALM, :]
    vectors = points[..., 1:, :] - points[..., :1, :]
    index, middle, little = vectors[..., 0, :], vectors[..., 1, :], vectors[..., 2, :]
    normal = cross(little, index) if is_right else cross(index, little)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = middle / np.sqrt(np.square(middle).sum(-1, keepdims=True))
        z = normal - (normal * x).sum(-1, keepdims=True) * x
        z = z / np.sqrt(np.square(z).sum(-1, keepdims=True))
    axes = np.empty((*x.shape, 3))
    axes[..., 0], axes[..., 1], axes[..., 2] = x, cross(z, x), z
    return axes


def wrist_covariance(
    keypoints: np.ndarray, palm_covariance: np.ndarray, is_right: bool
) -> np.ndarray:
    """Return the wrist pose's covariance: (21, 3) m, (12, 12) m^2 as for `wrist_pose` -> (6, 6).

    The order is geometry_msgs': position (m), rotation about the fixed axes (rad).  First order in
    the errors of the four keypoints.
    """
    return wrist_pose(keypoints, palm_covariance, is_right).covariance


def independent(covariance: np.ndarray) -> np.ndarray:
    """Return the palm's covariance (12, 12) of keypoints with independent errors: (21, 3, 3) m^2.

    Those of a reconstruction are not: a hand that is nearer or farther as a whole is not rotated,
    and this makes its rotation look far less sure than it is.
    """
    palm = np.zeros((4, 3, 4, 3))
    every = np.arange(4)
    palm[every, :, every] = np.asarray(covariance, dtype=np.float64)[PALM]
    return palm.reshape(12, 12)


def palm_of(joint_covariance: np.ndarray) -> np.ndarray:
    """Return the palm's covariance (..., 12, 12) of that of all keypoints jointly: (..., 63, 63).

    All of it is NaN where one of the four keypoints' is.
    """
    palm = joint_covariance[..., _COORDINATES[:, None], _COORDINATES]
    unknown = np.isnan(palm)
    if unknown.any():
        palm[unknown.any((-2, -1))] = np.nan
    return palm


def _axes(rows: Rows, is_right: bool) -> tuple[Vector, Vector, Vector] | None:
    """Return the axes x, y, z of one hand's frame by the rows of `PALM`; None where they are NaN.

    The same as `wrist_rotation`, by numbers of Python: for so few numpy takes three times as long.
    """
    wrist, index, middle, little = rows
    first, second = (little, index) if is_right else (index, little)
    x = _unit(_minus(middle, wrist))
    normal = _cross(_minus(first, wrist), _minus(second, wrist))
    along = _dot(normal, x)
    z = _unit((normal[0] - along * x[0], normal[1] - along * x[1], normal[2] - along * x[2]))
    if not math.isfinite(sum(x) + sum(z)):
        return None
    return x, _cross(z, x), z


def _turning(rows: Rows, axes: tuple[Vector, Vector, Vector], is_right: bool) -> list[Vector]:
    """Return how small moves of the rows of `PALM` turn the frame: 3 x 4 vectors.

    With m the vector to the middle MCP, n = a cross b the palm's normal and n' its part across x,
    a small rotation w of the frame, along its own axes, is

        w_y = -z . dm / |m|,    w_z = y . dm / |m|,
        w_x = -(y . dn - (n . x) w_z) / |n'|,    y . dn = (b cross y) . da + (y cross a) . db
    """
    x, y, z = axes
    wrist, index, middle, little = rows
    a, b = (little, index) if is_right else (index, little)
    a, b, m = _minus(a, wrist), _minus(b, wrist), _minus(middle, wrist)
    normal, per_length = _cross(a, b), 1 / math.sqrt(_dot(m, m))
    height = _dot(normal, z)  # |n'|
    by_a, by_b = _times(_cross(y, b), 1 / height), _times(_cross(a, y), 1 / height)
    by_middle = _times(y, per_length * _dot(normal, x) / height)
    by_index, by_little = (by_b, by_a) if is_right else (by_a, by_b)
    by_wrist = _times(_plus(_plus(by_index, by_middle), by_little), -1)
    none = (0.0, 0.0, 0.0)
    about_y, about_z = _times(z, per_length), _times(y, per_length)
    return [
        by_wrist, by_index, by_middle, by_little,
        about_y, none, _times(about_y, -1), none,
        _times(about_z, -1), none, about_z, none,
    ]  # fmt: skip


def quaternion(rotation: np.ndarray) -> tuple[float, float, float, float]:
    """Return (x, y, z, w), w >= 0, of a (3, 3) rotation; all NaN where it is.

    By the largest of the four components (Shepperd, 1978): good at every angle.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    squares = (1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz, 1 + xx + yy + zz)
    largest = max(squares)
    if not math.isfinite(sum(squares)):
        return (math.nan, math.nan, math.nan, math.nan)
    # Each is a row of 4 q q'.
    x, y, z, w = (
        (largest, xy + yx, xz + zx, zy - yz),
        (xy + yx, largest, yz + zy, xz - zx),
        (xz + zx, yz + zy, largest, yx - xy),
        (zy - yz, xz - zx, yx - xy, largest),
    )[squares.index(largest)]
    scale = math.copysign(1 / math.sqrt(x * x + y * y + z * z + w * w), w)
    return (x * scale, y * scale, z * scale, w * scale)


def rotation_of(quaternion: np.ndarray) -> np.ndarray:
    """Return the (3, 3) rotation of a quaternion (x, y, z, w) of any length but 0."""
    x, y, z, w = np.asarray(quaternion, dtype=np.float64) / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def _plus(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _minus(a: Sequence[float], b: Sequence[float]) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _times(a: Vector, factor: float) -> Vector:
    return a[0] * factor, a[1] * factor, a[2] * factor


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _unit(a: Vector) -> Vector:
    """Return the vector of length 1 in this one's direction; NaN where it has none."""
    length = math.sqrt(_dot(a, a))
    return _times(a, 1 / length if length else math.nan)

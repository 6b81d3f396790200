"""The wrist's frame in the camera's: what a robot's tool follows (defined in HandPose.msg)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.skeleton import FINGERS, WRIST

_NEEDED = [WRIST, *(FINGERS[name][0] for name in ("index", "middle", "little"))]
_IDENTITY = np.eye(3)
_AHEAD, _BEHIND = np.array([1, 2, 0]), np.array([2, 0, 1])


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


def wrist_pose(keypoints: np.ndarray, covariance: np.ndarray, is_right: bool) -> WristPose:
    """Return the wrist's pose of (21, 3) m keypoints with (21, 3, 3) m^2 covariances."""
    points = np.asarray(keypoints, dtype=np.float64)[_NEEDED]
    rotation = _rotation(points, is_right)
    if not np.isfinite(rotation).all():
        unknown = np.nan
        return WristPose(np.full(3, unknown), np.full((3, 3), unknown), np.full((6, 6), unknown))
    blocks = np.asarray(covariance, dtype=np.float64)[_NEEDED]
    return WristPose(points[0].copy(), rotation, _covariance(points, blocks, rotation, is_right))


def wrist_rotation(keypoints: np.ndarray, is_right: bool) -> np.ndarray:
    """Return the wrist frame's axes as columns: (..., 21, 3) m -> (..., 3, 3).

    x points from the wrist to the middle MCP, z out of the back of the hand, y = z cross x.  NaN
    where keypoints are, or lie on one line.
    """
    return _rotation(np.asarray(keypoints, dtype=np.float64)[..., _NEEDED, :], is_right)


def _rotation(points: np.ndarray, is_right: bool) -> np.ndarray:
    """(..., 4, 3): wrist, index MCP, middle MCP, little MCP -> (..., 3, 3)."""
    vectors = points[..., 1:, :] - points[..., :1, :]
    index, middle, little = vectors[..., 0, :], vectors[..., 1, :], vectors[..., 2, :]
    normal = _cross(little, index) if is_right else _cross(index, little)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = middle / np.sqrt(np.square(middle).sum(-1, keepdims=True))
        z = normal - (normal * x).sum(-1, keepdims=True) * x
        z = z / np.sqrt(np.square(z).sum(-1, keepdims=True))
    axes = np.empty((*x.shape, 3))
    axes[..., 0], axes[..., 1], axes[..., 2] = x, _cross(z, x), z
    return axes


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., 3) both -> (..., 3); np.cross takes several times as long for one vector."""
    return a.take(_AHEAD, -1) * b.take(_BEHIND, -1) - a.take(_BEHIND, -1) * b.take(_AHEAD, -1)


def wrist_covariance(keypoints: np.ndarray, covariance: np.ndarray, is_right: bool) -> np.ndarray:
    """Return the wrist pose's covariance: (21, 3) m, (21, 3, 3) m^2 -> (6, 6).

    The order is geometry_msgs': position (m), rotation about the fixed axes (rad).  First order in
    the errors of the four keypoints, taken as independent.  They are not: what moves all of them
    alike does not rotate the hand, so the rotation's part is on the safe side.
    """
    points = np.asarray(keypoints, dtype=np.float64)[_NEEDED]
    blocks = np.asarray(covariance, dtype=np.float64)[_NEEDED]
    return _covariance(points, blocks, _rotation(points, is_right), is_right)


def _covariance(
    points: np.ndarray, blocks: np.ndarray, rotation: np.ndarray, is_right: bool
) -> np.ndarray:
    """(4, 3) wrist, index, middle, little MCP, and their (4, 3, 3) -> (6, 6).

    With m the vector to the middle MCP, n = a cross b the palm's normal and n' its part across x,
    a small rotation w of the frame, along its own axes, is

        w_y = -z . dm / |m|,    w_z = y . dm / |m|,
        w_x = -(y . dn - (n . x) w_z) / |n'|,    y . dn = (b cross y) . da + (y cross a) . db
    """
    x, y, z = rotation.T
    first, second = (3, 1) if is_right else (1, 3)
    vectors = points - points[0]
    middle, a, b = vectors[2], vectors[first], vectors[second]
    normal = _cross(a, b)
    length = math.sqrt(middle @ middle)
    own = np.zeros((3, 4, 3))  # w along the frame's axes, by each keypoint
    own[1, 2], own[2, 2] = -z / length, y / length
    height = normal @ z  # |n'|
    own[0, first], own[0, second] = _cross(y, b) / height, _cross(a, y) / height
    own[0, 2] = own[2, 2] * ((normal @ x) / height)
    own[:, 0] = -own[:, 1:].sum(1)
    jacobian = np.zeros((4, 6, 3))
    jacobian[0, :3] = _IDENTITY
    jacobian[:, 3:] = (rotation @ own.reshape(3, 12)).reshape(3, 4, 3).swapaxes(0, 1)
    return (jacobian @ blocks @ jacobian.swapaxes(1, 2)).sum(0)


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

"""The wrist's frame in the camera's: what a robot's tool follows (defined in HandPose.msg)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d.skeleton import FINGERS, WRIST

_NEEDED = [WRIST, *(FINGERS[name][0] for name in ("index", "middle", "little"))]
_STEP = 1e-6  # metres, for the derivatives


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
    rotation = wrist_rotation(keypoints, is_right)
    if not np.isfinite(rotation).all():
        unknown = np.nan
        return WristPose(np.full(3, unknown), np.full((3, 3), unknown), np.full((6, 6), unknown))
    position = np.asarray(keypoints, dtype=np.float64)[WRIST]
    return WristPose(position, rotation, wrist_covariance(keypoints, covariance, is_right))


def wrist_rotation(keypoints: np.ndarray, is_right: bool) -> np.ndarray:
    """Return the wrist frame's axes as columns: (..., 21, 3) m -> (..., 3, 3).

    x points from the wrist to the middle MCP, z out of the back of the hand, y = z cross x.  NaN
    where keypoints are, or lie on one line.
    """
    return _rotation(np.asarray(keypoints, dtype=np.float64)[..., _NEEDED, :], is_right)


def _rotation(points: np.ndarray, is_right: bool) -> np.ndarray:
    """(..., 4, 3): wrist, index MCP, middle MCP, little MCP -> (..., 3, 3)."""
    index, middle, little = (points[..., i, :] - points[..., 0, :] for i in (1, 2, 3))
    normal = np.cross(little, index) if is_right else np.cross(index, little)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = middle / np.linalg.norm(middle, axis=-1, keepdims=True)
        z = normal - (normal * x).sum(-1, keepdims=True) * x
        z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def wrist_covariance(keypoints: np.ndarray, covariance: np.ndarray, is_right: bool) -> np.ndarray:
    """Return the wrist pose's covariance: (21, 3) m, (21, 3, 3) m^2 -> (6, 6).

    The order is geometry_msgs': position (m), rotation about the fixed axes (rad).  First order in
    the errors of the four keypoints, taken as independent.  They are not: what moves all of them
    alike does not rotate the hand, so the rotation's part is on the safe side.
    """
    points = np.asarray(keypoints, dtype=np.float64)[_NEEDED]
    rotation = _rotation(points, is_right)
    steps = _STEP * np.eye(12).reshape(12, 4, 3)
    ahead, behind = (_rotation(points + s * steps, is_right) for s in (1, -1))
    derivative = (ahead - behind) / (2 * _STEP)
    skew = derivative @ rotation.T  # dR R^T = [w]x
    jacobian = np.zeros((6, 12))
    jacobian[:3, :3] = np.eye(3)
    jacobian[3:] = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]])
    blocks = np.asarray(covariance, dtype=np.float64)[_NEEDED]
    full = np.zeros((12, 12))
    for i, block in enumerate(blocks):
        full[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] = block
    return jacobian @ full @ jacobian.T


def quaternion(rotation: np.ndarray) -> tuple[float, float, float, float]:
    """Return (x, y, z, w), w >= 0, of a (3, 3) rotation; all NaN where it is."""
    if not np.isfinite(rotation).all():
        return (np.nan, np.nan, np.nan, np.nan)
    # The eigenvector of the largest eigenvalue (Bar-Itzhack, 2000): good at every angle.
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    k = np.array(
        [
            [xx - yy - zz, 0, 0, 0],
            [xy + yx, yy - xx - zz, 0, 0],
            [xz + zx, yz + zy, zz - xx - yy, 0],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    x, y, z, w = np.linalg.eigh(k)[1][:, -1]
    sign = -1.0 if w < 0 else 1.0
    return (float(sign * x), float(sign * y), float(sign * z), float(sign * w))

"""The 2.5D pose and the paper's closed form for the depth of the root.

Iqbal et al., "Hand Pose Estimation via Latent 2.5D Heatmap Regression", ECCV 2018, Section 3.
A 2.5D pose is where each keypoint is seen, as normalised coordinates (x, y) of its ray, and its
depth relative to the root, in units of the length C of one bone.  The printed Eq. 4-6 leave out
the intrinsics and the factor 2 of b; the round trip 3D -> 2.5D -> 3D proves the forms used here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.skeleton import REFERENCE_BONE, WRIST


class Pose25D(NamedTuple):
    """A hand's 2.5D pose (Eq. 2)."""

    xy: np.ndarray
    """(..., 21, 2) normalised coordinates of each keypoint's ray."""
    relative_depth: np.ndarray
    """(..., 21) (Z_k - Z_root) / C."""
    scale: np.ndarray
    """(...,) metres: C, the length of the normalising bone."""


class Quadratic(NamedTuple):
    """a Z^2 + b Z + c = 0, whose roots are the depths of the root keypoint (Eq. 3-6)."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    @property
    def discriminant(self) -> np.ndarray:
        """b^2 - 4 a c; noise makes it negative where the bone looks longer than it is."""
        return self.b**2 - 4 * self.a * self.c


def encode(keypoints: np.ndarray, bone: tuple[int, int] = REFERENCE_BONE) -> Pose25D:
    """Return the 2.5D pose of (..., 21, 3) keypoints in a camera's frame (Eq. 2).

    NaN for keypoints not in front of the camera.
    """
    points = np.asarray(keypoints, dtype=np.float64)
    z = np.where(points[..., 2] > 0, points[..., 2], np.nan)
    scale = np.linalg.norm(points[..., bone[0], :] - points[..., bone[1], :], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = (z - z[..., WRIST : WRIST + 1]) / scale[..., None]
    return Pose25D(points[..., :2] / z[..., None], relative, scale)


def root_depth_quadratic(
    xy: np.ndarray,
    relative_depth: np.ndarray,
    bone: tuple[int, int] | tuple[np.ndarray, np.ndarray] = REFERENCE_BONE,
    length: float | np.ndarray = 1.0,
) -> Quadratic:
    """Return the quadratic equation of the root's depth (Eq. 3-6).

    Both ends of the bone lie on known rays at Z_root plus their relative depths, and are `length`
    apart.  xy (..., 21, 2), relative_depth (..., 21); depths and length in one unit, which is that
    of the root's depth.  `bone` names two keypoints, or two arrays (B,) for B bones at once.
    """
    xy, depth = np.asarray(xy, dtype=np.float64), np.asarray(relative_depth, dtype=np.float64)
    n, m = bone
    difference = xy[..., n, :] - xy[..., m, :]
    depth_n, depth_m = depth[..., n, None], depth[..., m, None]
    # P_n - P_m = Z (difference, 0) + (offset, depth_n - depth_m)
    offset = xy[..., n, :] * depth_n - xy[..., m, :] * depth_m
    a = (difference**2).sum(-1)
    b = 2 * (difference * offset).sum(-1)
    c = (offset**2).sum(-1) + (depth_n - depth_m)[..., 0] ** 2 - np.square(length)
    return Quadratic(a, b, c)


def root_depth_closed_form(
    xy: np.ndarray,
    relative_depth: np.ndarray,
    bone: tuple[int, int] = REFERENCE_BONE,
    length: float | np.ndarray = 1.0,
) -> np.ndarray:
    """Return the depth of the root (...,) in the unit of `length` (Eq. 7).

    The larger root, as in the paper.  (The smaller one is the true one where the bone points away
    along a ray at the image's border; `roots` returns both.)  NaN where the equation has no real
    root, or where the bone lies along its viewing ray and any depth would do.
    """
    return roots(root_depth_quadratic(xy, relative_depth, bone, length))[0]


def roots(quadratic: Quadratic) -> tuple[np.ndarray, np.ndarray]:
    """Return the larger and the smaller root, NaN where there is none, without cancellation."""
    a, b, c = quadratic
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        root = np.sqrt(quadratic.discriminant)
        q = -0.5 * (b + np.where(b < 0, -root, root))  # b and the root add up, never cancel
        first, second = q / a, np.where(q == 0, q / a, c / q)
        swap = b >= 0  # then q / a is the smaller one
        larger, smaller = np.where(swap, second, first), np.where(swap, first, second)
    bad = ~(a > 0)
    return np.where(bad, np.nan, larger), np.where(bad, np.nan, smaller)


def decode(
    xy: np.ndarray, relative_depth: np.ndarray, root_depth: np.ndarray, scale: np.ndarray | float
) -> np.ndarray:
    """Return the keypoints (..., 21, 3) of a 2.5D pose whose root's depth is known.

    `root_depth` (...,) in units of the normalising bone, `scale` (...,) in metres per such unit.
    """
    depth = np.asarray(root_depth)[..., None] + np.asarray(relative_depth)
    rays = np.concatenate([xy, np.ones_like(np.asarray(xy)[..., :1])], -1)
    return np.asarray(scale)[..., None, None] * depth[..., None] * rays

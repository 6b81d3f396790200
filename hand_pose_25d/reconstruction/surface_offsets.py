"""How far a keypoint lies behind the surface that a depth camera sees in its place.

A depth camera measures skin, a keypoint is the centre of a joint: at the wrist a fifth of the bone
wrist - index MCP lies between them, at a fingertip a fiftieth.  The way through a joint depends on
the side from which it is seen (a knuckle lies under the skin of the back), so that the offset is
a polynomial in the direction of the camera, in a frame of the joint's own: x along the bone, z
out of its back.  The numbers are fitted to rendered hands, see docs/depth_cameras.md.
"""

from __future__ import annotations

import numpy as np

from hand_pose_25d.geometry.vectors import cross
from hand_pose_25d.geometry.wrist_frame import wrist_rotation
from hand_pose_25d.skeleton import FINGERS, NUM_KEYPOINTS, WRIST

POLYNOMIALS = np.array(
    [
        [0.298, 0.015, 0.006, 0.010, 0.162, -0.113, -0.049],
        [0.188, 0.019, -0.098, 0.047, 0.065, -0.003, 0.001],
        [0.121, -0.039, -0.045, 0.000, 0.086, -0.012, 0.014],
        [0.082, -0.004, -0.012, -0.001, 0.080, -0.002, 0.003],
        [0.053, -0.022, -0.015, -0.001, 0.067, 0.026, 0.006],
        [0.178, 0.024, 0.009, -0.075, 0.013, -0.036, 0.010],
        [0.081, -0.023, 0.002, -0.030, 0.036, 0.005, -0.007],
        [0.069, -0.001, 0.002, -0.013, 0.067, -0.008, -0.003],
        [0.061, -0.015, 0.000, -0.017, 0.025, -0.016, 0.013],
    ]
)
"""A row a kind of joint: wrist; thumb CMC, MCP, IP, tip; the other fingers' MCP, PIP, DIP, tip.
The coefficients of 1, x, y, z, x^2, z^2, x z; in units of the bone wrist - index MCP."""
DEVIATIONS = np.array([0.039, 0.032, 0.030, 0.021, 0.017, 0.054, 0.027, 0.020, 0.017])
"""What a polynomial leaves unexplained: a standard deviation, in the same units."""


def _kinds() -> np.ndarray:
    kinds = np.zeros(NUM_KEYPOINTS, dtype=int)
    for finger, chain in FINGERS.items():
        kinds[list(chain)] = np.arange(4) + (1 if finger == "thumb" else 5)
    return kinds


def _neighbours() -> np.ndarray:
    """Return (21, 2): the keypoints from and to which a joint's x axis points."""
    ends = np.zeros((NUM_KEYPOINTS, 2), dtype=int)
    ends[WRIST] = WRIST, FINGERS["middle"][0]
    for chain in FINGERS.values():
        before, after = (chain[0], *chain[:-1]), (*chain[1:], chain[-1])
        ends[list(chain)] = np.array([before, after]).T
    return ends


KINDS = _kinds()
"""(21,) the row of each keypoint."""
_FROM, _TO = _neighbours().T


def camera_directions(keypoints: np.ndarray, is_right: np.ndarray) -> np.ndarray:
    """Return where the camera is as each joint sees it: unit vectors (N, 21, 3) in joint frames.

    keypoints: (N, 21, 3) m, is_right: (N,) bool.  NaN where the frame is not known.
    """
    is_right = np.asarray(is_right, dtype=bool)
    sign = np.where(is_right, 1.0, -1.0)[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        wrist = np.where(
            sign > 0, wrist_rotation(keypoints, True), wrist_rotation(keypoints, False)
        )
        x = _unit(keypoints[:, _TO] - keypoints[:, _FROM])
        side = (wrist[..., 1] * sign[..., 0])[:, None]  # to the thumb's side
        y = _unit(side - x * (side * x).sum(-1, keepdims=True))
        z = cross(x, y) * sign
        towards = _unit(-keypoints)
        return np.stack([(towards * axis).sum(-1) for axis in (x, y, z)], -1)


def surface_offsets(keypoints: np.ndarray, is_right: np.ndarray) -> np.ndarray:
    """Return how much deeper than the surface each keypoint lies: (N, 21), in units of the bone
    wrist - index MCP; keypoints (N, 21, 3) m, is_right (N,) bool.  NaN where not known."""
    offsets: np.ndarray = (terms(camera_directions(keypoints, is_right)) * POLYNOMIALS[KINDS]).sum(
        -1
    )
    return offsets


def terms(directions: np.ndarray) -> np.ndarray:
    """Return the terms of the polynomials: (..., 3) -> (..., 7)."""
    x, y, z = np.moveaxis(directions, -1, 0)
    return np.stack([np.ones_like(x), x, y, z, x * x, z * z, x * z], -1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt(np.square(vectors).sum(-1, keepdims=True))

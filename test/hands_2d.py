"""Flat hands of 21 pixels, for tests that need keypoints and no images."""

from __future__ import annotations

import math

import numpy as np

OPEN_HAND = np.array(
    [
        [0, 0], [-25, -15], [-45, -35], [-58, -52], [-68, -68],
        [-25, -75], [-28, -110], [-30, -130], [-31, -148],
        [0, -80], [0, -118], [0, -142], [0, -162],
        [20, -75], [22, -110], [24, -132], [25, -150],
        [38, -65], [44, -88], [48, -104], [50, -118],
    ],
    dtype=np.float64,
)  # fmt: skip
"""A right hand's palm, fingers up, wrist at the origin; about 160 pixels high."""


def hand_at(u: float, v: float, size: float = 160.0, angle: float = 0.0) -> np.ndarray:
    """(21, 2) pixels of a hand whose palm is at (u, v), `size` pixels high, turned clockwise."""
    cos, sin = math.cos(angle), math.sin(angle)
    centered = (OPEN_HAND - (0, -60)) * size / 160
    turned: np.ndarray = centered @ np.array([[cos, sin], [-sin, cos]]) + (u, v)
    return turned


def fist(keypoints: np.ndarray) -> np.ndarray:
    """Bend the fingers of a flat hand: tips and DIPs come down to the palm."""
    closed = keypoints.copy()
    for mcp in (5, 9, 13, 17):
        wrist_to_mcp = closed[mcp] - closed[0]
        closed[mcp + 1] = closed[mcp] + 0.25 * wrist_to_mcp
        closed[mcp + 2] = closed[mcp] - 0.1 * wrist_to_mcp
        closed[mcp + 3] = closed[mcp] - 0.3 * wrist_to_mcp
    closed[3], closed[4] = closed[5], closed[9]
    return closed

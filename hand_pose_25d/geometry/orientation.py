"""EXIF's orientations: an image turned upright, and the camera that took it turned with it.

A photograph's pixels are stored as the sensor has them, and a number from 1 to 8 says how to turn
them for people.  Stored pixels are (W, H), upright ones (H, W) where the number is above 4.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hand_pose_25d.geometry.camera import Camera

UPRIGHT = 1
# What becomes of a step to the right and of one down, as columns.
_TURNS: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {
    1: ((1, 0), (0, 1)),
    2: ((-1, 0), (0, 1)),
    3: ((-1, 0), (0, -1)),
    4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)),
    6: ((0, -1), (1, 0)),
    7: ((0, -1), (-1, 0)),
    8: ((0, 1), (-1, 0)),
}
BY_DEGREES = {0: 1, 90: 6, 180: 3, 270: 8}
"""The orientation of a video whose metadata ask for so many degrees clockwise."""


def swaps_sides(orientation: int) -> bool:
    """Whether the upright image is as wide as the stored one is high."""
    return orientation > 4


def turn_image(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels (H, W, ...) upright.  Raises ValueError for no orientation (1 to 8)."""
    (a, b), (c, d) = _matrix(orientation)
    if swaps_sides(orientation):
        image = image.swapaxes(0, 1)
    image = image[:: -1 if c + d < 0 else 1, :: -1 if a + b < 0 else 1]
    return np.ascontiguousarray(image)


def undo(orientation: int) -> int:
    """Return the orientation that turns the upright image back."""
    return {6: 8, 8: 6}.get(orientation, orientation)


def turn_camera(camera: Camera, orientation: int) -> Camera:
    """Return the camera of the upright image, given that of the stored pixels.

    Tangential and thin-prism coefficients are vectors of the image plane and turn with it.
    """
    turn = np.array(_matrix(orientation), dtype=np.float64)
    centre = turn @ (camera.cx - (camera.width - 1) / 2, camera.cy - (camera.height - 1) / 2)
    size = np.abs(turn) @ (camera.width, camera.height)
    focal = np.abs(turn) @ (camera.fx, camera.fy)
    return replace(
        camera,
        fx=float(focal[0]),
        fy=float(focal[1]),
        cx=float(centre[0] + (size[0] - 1) / 2),
        cy=float(centre[1] + (size[1] - 1) / 2),
        width=int(size[0]),
        height=int(size[1]),
        distortion=_turn_coefficients(camera, turn),
    )


def _turn_coefficients(camera: Camera, turn: np.ndarray) -> tuple[float, ...]:
    d = np.array(camera.distortion, dtype=np.float64)
    if camera.model == "equidistant" or not len(d):
        return tuple(camera.distortion)
    d[[3, 2]] = turn @ d[[3, 2]]  # p1 belongs to y, p2 to x
    if len(d) >= 12:  # s1 and s2 belong to x, s3 and s4 to y
        d[[8, 10]] = turn @ d[[8, 10]]
        d[[9, 11]] = turn @ d[[9, 11]]
    return tuple(float(v) for v in d)


def _matrix(orientation: int) -> tuple[tuple[int, int], tuple[int, int]]:
    try:
        return _TURNS[orientation]
    except KeyError:
        raise ValueError(f"an orientation is a number from 1 to 8, got {orientation}") from None

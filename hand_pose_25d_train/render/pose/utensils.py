"""Cutlery, tools, pens and phones: their sizes, and where hands hold them.

Frame of a utensil: y along it, its handle's end at -1 and its tip at 1 of its half extents; x is
its breadth, z its thickness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d_train.render.pose.grasp import Held, box_distance

USE_STREAM = 808
"""The stream that says in which pictures utensils are held, see `shares.asked`."""
UTENSILS: dict[str, float] = {
    "fork": 0.17,
    "knife": 0.17,
    "spoon": 0.17,
    "screwdriver": 0.07,
    "hammer": 0.07,
    "pen": 0.18,
    "phone": 0.17,
}
"""Share of each kind."""
NECK = 0.3
"""Where handles end, from -1 to 1 along what they are of."""
HANDLES: dict[str, tuple[float, float]] = {
    "fork": (0.5, 0.3),
    "knife": (0.8, 1.0),
    "spoon": (0.35, 0.3),
    "screwdriver": (1.0, 1.0),
    "hammer": (0.24, 0.9),
}
"""Breadth and thickness of handles, of the whole's."""
_SIZES: dict[str, tuple[tuple[float, float], ...]] = {
    "fork": ((0.011, 0.014), (0.09, 0.105), (0.005, 0.008)),
    "knife": ((0.009, 0.016), (0.1, 0.13), (0.0025, 0.006)),
    "spoon": ((0.014, 0.021), (0.07, 0.105), (0.005, 0.008)),
    "screwdriver": ((0.01, 0.018), (0.08, 0.12), (0.01, 0.018)),
    "hammer": ((0.045, 0.06), (0.12, 0.16), (0.01, 0.015)),
    "phone": ((0.033, 0.039), (0.067, 0.082), (0.0035, 0.0055)),
}
"""Ranges (m) of the half extents."""


@dataclass(frozen=True)
class Utensil(Held):
    """A thing that is held by a part of it, in the frame of the (right) hand."""

    name: str
    """One of UTENSILS."""
    handle: np.ndarray
    """(3,) half extents of that part, m."""
    along: float
    """Where on the utensil's y its middle is, m."""
    thumb_at: np.ndarray
    """(3,) m."""

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distances (...) m of points (..., 3) from the handle, negative inside."""
        local = (points - self.center) @ self.rotation - np.array([0, self.along, 0])
        return box_distance(local, self.handle)

    @property
    def touched(self) -> np.ndarray:
        """About where (3,) the thumb holds it, m."""
        return self.thumb_at


def half_extents(name: str, rng: np.random.Generator) -> np.ndarray:
    """Draw the half extents (3,) m of a utensil."""
    if name == "pen":
        r = rng.uniform(0.003, 0.006)
        return np.array([r, rng.uniform(0.06, 0.08), r])
    return np.array([rng.uniform(*bounds) for bounds in _SIZES[name]])


def lay(
    name: str, half: np.ndarray, rotation: np.ndarray, point: np.ndarray, at: float, thumb_at=None
) -> Utensil:
    """The utensil whose axis passes a point (3,) at a place (m) of its own y."""
    kind = {"pen": "can", "phone": "box"}.get(name, name)
    center = point - rotation[:, 1] * at
    handle, along = half, 0.0
    if name in HANDLES:
        breadth, thickness = HANDLES[name]
        length = half[1] * (NECK + 1) / 2
        handle = np.array([half[0] * breadth, length, half[2] * thickness])
        along = float(length - half[1])
    thumb_at = point if thumb_at is None else thumb_at
    return Utensil(kind, half, rotation, center, name, handle, along, np.asarray(thumb_at))

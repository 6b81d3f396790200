"""How cameras look at hands: crops that are aligned with them, and the side that they show."""

from __future__ import annotations

import math

import numpy as np

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.vectors import cross_product

CROP_MARGIN = 1.25
"""How much wider a crop is than the network's region, so that augmentation has room."""


def jittered_region(region: Region, rng: np.random.Generator) -> Region:
    """Disturb a region as a tracker's would be."""
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.15 else rng.normal(0, np.radians(20))
    shift = rng.normal(0, 0.05, 2) * region.size
    return Region(
        (region.center[0] + shift[0], region.center[1] + shift[1]),
        region.size * rng.uniform(0.85, 1.2),
        region.angle + angle,
    )


def look_at(region: Region) -> np.ndarray:
    """The rotation (3, 3) into a camera that looks at a region (normalised) upright."""
    x, y = region.center
    forward = np.array([x, y, 1.0]) / math.sqrt(x * x + y * y + 1)
    down = np.array([-math.sin(region.angle), math.cos(region.angle), 0.0])
    down = down - forward * (down @ forward)
    down /= np.linalg.norm(down)
    return np.stack([cross_product(down, forward), down, forward])


FLIP = np.diag([1.0, -1.0, -1.0])
"""A hand frame seen from its palm's side: y up becomes y down, the palm faces the camera."""


def sample_orientation(rng: np.random.Generator, is_right: bool) -> np.ndarray:
    """A rotation hand -> camera: palm, back, side or fingertips towards the camera, any roll."""
    kind = rng.random()
    if kind < 0.30:
        yaw, pitch = rng.normal(0, 28), rng.normal(0, 28)
    elif kind < 0.55:
        yaw, pitch = 180 + rng.normal(0, 28), rng.normal(0, 28)
    elif kind < 0.72:
        yaw, pitch = rng.choice([-90, 90]) + rng.normal(0, 25), rng.normal(0, 28)
    elif kind < 0.80:  # fingertips or wrist first
        yaw, pitch = rng.uniform(0, 360), rng.choice([-75, 75]) + rng.normal(0, 18)
    else:
        yaw, pitch = rng.uniform(0, 360), np.degrees(np.arcsin(rng.uniform(-1, 1)))
    rotation = axis_angle(np.array([1.0, 0, 0]), np.radians(pitch)) @ axis_angle(
        np.array([0, 1.0, 0]), np.radians(yaw)
    )
    roll = axis_angle(np.array([0, 0, 1.0]), rng.uniform(-np.pi, np.pi))
    return roll @ FLIP @ rotation

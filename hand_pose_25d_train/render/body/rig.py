"""One person's right hand and forearm at rest: vertices, joints, axes and thickness.

The right arm is cut out of the body's mesh and moved into the *hand frame*: origin at the wrist,
x towards the thumb's side, y along the middle metacarpal, z out of the palm, metres.  A left hand
is the mirror image (x negated).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.assets import load_body
from hand_pose_25d_train.render.body.shape import Shape, TargetTable, sample_shape
from hand_pose_25d_train.render.body.topology import HAND, hand_topology
from hand_pose_25d_train.render.vectors import cross_product


@dataclass(frozen=True)
class HandShape:
    """One person's right hand at rest, in the hand frame."""

    seed: int
    vertices: np.ndarray
    """(n, 3) float64, coarse."""
    joints: np.ndarray
    """(21, 3) rest keypoints."""
    finger_axes: np.ndarray
    """(5, 3) unit flexion axes at rest; flexion is a positive angle."""
    radii: np.ndarray
    """(5, 4) m, the fingers' thickness at their joints and tip."""
    palm_radius: float
    """Half the palm's thickness, m."""
    elbow: np.ndarray
    """(3,) rest position of the elbow."""
    person: Shape

    @property
    def length(self) -> float:
        """Wrist - middle fingertip along the bones, m."""
        chain = self.joints[[0, 9, 10, 11, 12]]
        return float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())


@lru_cache(maxsize=1)
def _arm_targets() -> TargetTable:
    return TargetTable.of(load_body(), hand_topology().coarse)


@lru_cache(maxsize=800)
def hand_shape(seed: int) -> HandShape:
    """Return the hand of the person of this seed (some milliseconds; kept)."""
    topology = hand_topology()
    person = sample_shape(load_body(), seed)
    points = person.hand_joints().astype(np.float64)
    frame = hand_frame(points)
    origin = points[0]
    vertices = (_arm_targets().at(person.amounts).astype(np.float64) - origin) @ frame.T
    joints = (points - origin) @ frame.T
    axes = np.stack(
        [_flexion_axis(joints[[1 + 4 * f + k for k in range(4)]], f) for f in range(5)]
    )
    radii = _radii(vertices, joints)
    palm = topology.weights[:, HAND] > 0.8
    near = palm & (np.abs(vertices[:, 1] - 0.6 * joints[9, 1]) < 0.2 * joints[9, 1])
    elbow = (person.arm_joints[21].astype(np.float64) - origin) @ frame.T
    thickness = float(np.ptp(vertices[near, 2])) / 2 if near.any() else 0.013
    return HandShape(seed, vertices, joints, axes, radii, thickness, elbow, person)


def hand_frame(points: np.ndarray) -> np.ndarray:
    """Return the rotation (rows x, y, z) into the frame of a right hand's keypoints (21, 3)."""
    y = points[9] - points[0]
    y = y / np.linalg.norm(y)
    z = cross_product(points[5] - points[0], points[17] - points[0])
    x = cross_product(y, z)
    x = x / np.linalg.norm(x)
    return np.stack([x, y, cross_product(x, y)])


def _flexion_axis(chain: np.ndarray, finger: int) -> np.ndarray:
    """The axis about which a finger bends, from its resting curl and, for steadiness, geometry."""
    bones = np.diff(chain, axis=0)
    if finger == 0:
        axis = cross_product(bones[1], bones[2])
        axis /= np.linalg.norm(axis)
        axis = axis + 0.5 * np.array([-0.1, -0.55, 0.8])
    else:
        axis = cross_product(bones[0], bones[2])
        axis /= np.linalg.norm(axis)
        axis = axis + np.array([1.0, 0.0, 0.0])
    direction = bones[1] / np.linalg.norm(bones[1])
    axis = axis - direction * (axis @ direction)
    return axis / np.linalg.norm(axis)


@lru_cache(maxsize=1)
def _own_vertices() -> tuple[np.ndarray, np.ndarray]:
    """The coarse vertices that are mostly a finger bone's own: whose (m,), and which (m,)."""
    bone, vertex = np.nonzero(hand_topology().weights[:, 3:].T > 0.6)
    return bone, vertex


def _radii(vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Median distance of the skin from the bones, per finger bone; the tip repeats the last."""
    radii = np.full((5, 4), 0.008)
    bone, mine = _own_vertices()
    chains = joints[1:].reshape(5, 4, 3)
    start, along = chains[:, :3].reshape(-1, 3), np.diff(chains, axis=1).reshape(-1, 3)
    offset = vertices[mine] - start[bone]
    t = np.einsum("ij,ij->i", offset, along[bone]) / (along**2).sum(1)[bone]
    across = offset - t[:, None] * along[bone]
    distance = np.sqrt(np.einsum("ij,ij->i", across, across))
    distance, bone = distance[(t > 0) & (t < 1)], bone[(t > 0) & (t < 1)]
    # Sorted by bone, then by distance: the middle of each run is its median.
    distance = distance[np.lexsort((distance, bone))]
    count = np.bincount(bone, minlength=15)
    first = np.cumsum(count) - count
    for number in np.flatnonzero(count):
        n, begin = count[number], first[number]
        median = 0.5 * (distance[begin + (n - 1) // 2] + distance[begin + n // 2])
        radii[number // 3, number % 3] = median
    radii[:, 3] = radii[:, 2]
    return radii

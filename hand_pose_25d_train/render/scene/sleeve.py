"""Sleeves and cuffs: a tube of cloth about the arm, with a hem, folds and a texture."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.body.rig import HandShape, hand_shape
from hand_pose_25d_train.render.body.topology import ELBOW, FOREARM, hand_topology
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.scene.instance import HandInstance, read_only
from hand_pose_25d_train.render.vectors import cross_product

RINGS, SPOKES = 32, 36
SLEEVE_END = 1.7
"""Where the arm is cut off, in forearms from the wrist: in the middle of the upper arm."""


class ArmProfile(NamedTuple):
    """An arm's radii about a line that follows the forearm and, from the elbow on, the upper arm.

    `t` counts along the forearm: 0 the wrist, 1 the elbow.
    """

    radii: np.ndarray
    """(RINGS, SPOKES) m."""
    centers: np.ndarray
    """(RINGS, 2) m from the forearm's axis, along the cross axes."""
    axes: np.ndarray
    """(3, 3) the forearm's axis and two cross axes."""
    grid_t: np.ndarray
    """(RINGS,)"""

    def at(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Radii (n, SPOKES) and centres (n, 2) at places t (n,)."""
        return _between(t, self.grid_t, self.radii), _between(t, self.grid_t, self.centers)


@lru_cache(maxsize=800)
def arm_profile(seed: int) -> ArmProfile:
    """Measure a body's arm."""
    shape: HandShape = hand_shape(seed)
    topology = hand_topology()
    along = shape.elbow / np.linalg.norm(shape.elbow)
    u = cross_product(along, np.array([0, 0, 1.0]))
    u /= np.linalg.norm(u)
    v = cross_product(along, u)
    arm = topology.weights[:, FOREARM] + topology.weights[:, ELBOW] > 0.3
    points = shape.vertices[arm]
    t = points @ along / np.linalg.norm(shape.elbow)
    across = np.stack([points @ u, points @ v], 1)
    grid_t = np.linspace(-0.12, SLEEVE_END, RINGS)
    centers = _centers(t, across, grid_t)
    across = across - _between(t, grid_t, centers)
    radius = np.linalg.norm(across, axis=1)
    angle = np.arctan2(across[:, 1], across[:, 0])
    grid_a = np.linspace(-np.pi, np.pi, SPOKES, endpoint=False)
    gap = np.abs((angle[None] - grid_a[:, None] + np.pi) % (2 * np.pi) - np.pi)
    around = np.exp(-((gap / 0.35) ** 2) / 2).T
    beside = np.exp(-(((t - grid_t[:, None]) / 0.06) ** 2) / 2) + 1e-12
    profile = (beside * radius) @ around / (beside @ around)
    return ArmProfile(profile, centers, np.stack([along, u, v]), grid_t)


def _between(t: np.ndarray, grid_t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values (RINGS, k) of the rings, interpolated at places t (n,): (n, k)."""
    place = ((t - grid_t[0]) / (grid_t[-1] - grid_t[0])).clip(0, 1) * (RINGS - 1)
    below = np.minimum(place.astype(int), RINGS - 2)
    share = (place - below)[:, None]
    return np.asarray(values[below] * (1 - share) + values[below + 1] * share)


def _centers(t: np.ndarray, across: np.ndarray, grid_t: np.ndarray) -> np.ndarray:
    """The middles (RINGS, 2) of the arm's outline; on the forearm's axis short of the elbow."""
    middles = np.zeros((len(grid_t), 2))
    for ring, place in enumerate(grid_t):
        away = np.abs(t - place)
        near = across[away <= max(0.1, np.partition(away, 5)[5])]
        middles[ring] = (near.max(0) + near.min(0)) / 2
    beside = np.exp(-(((grid_t - grid_t[:, None]) / 0.12) ** 2) / 2)
    smooth = beside @ middles / beside.sum(1, keepdims=True)
    return np.asarray(smooth * ((grid_t - 0.7) / 0.3).clip(0, 1)[:, None])


def sleeve_mesh(
    hand: HandInstance, material: Material, ident: int, rng: np.random.Generator
) -> Mesh:
    """Return a sleeve that begins somewhere between the thumb's root and the elbow."""
    profile = arm_profile(hand.shape.seed)
    start = float(rng.choice([rng.uniform(-0.08, 0.06), rng.uniform(0.05, 0.6)], p=[0.7, 0.3]))
    gap = rng.uniform(0.003, 0.012)
    flare = rng.uniform(0.0, 0.012)
    t = start + (SLEEVE_END - start) * np.linspace(0, 1, RINGS) ** 1.15
    angle = np.linspace(-np.pi, np.pi, SPOKES + 1)
    base, centers = profile.at(t)
    base = np.concatenate([base, base[:, :1]], 1)
    s = (t - start)[:, None]
    folds = np.zeros_like(base)
    for _ in range(5):
        k, m = int(rng.integers(1, 4)), rng.uniform(8, 45)
        folds += rng.uniform(0.2, 1) * np.sin(k * angle[None] + m * s + rng.uniform(0, 6.28))
    folds *= rng.uniform(0.0004, 0.0022) * (0.35 + 2.5 * s.clip(0, 0.5))
    radius = base + gap + flare * np.exp(-s * 9) + folds + 0.004 * s
    # The hem: the cloth turns inward, so that the edge has a thickness and no gap shows.
    t = np.concatenate([[start + 0.05, start + 0.004, start - 0.004], t])
    radius = np.concatenate([base[:1] * 0.96, radius[:1] - 0.0022, radius[:1] - 0.0006, radius])
    centers = np.concatenate([centers[:1]] * 3 + [centers])
    length = np.linalg.norm(hand.shape.elbow)
    along, u, v = profile.axes
    points = t[:, None, None] * length * along + radius[..., None] * (
        np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
    )
    grid = _bend(hand, points + (centers @ profile.axes[1:])[:, None], t, along)
    da = np.roll(grid[:, :-1], -1, 1) - np.roll(grid[:, :-1], 1, 1)
    normals = cross_product(np.concatenate([da, da[:, :1]], 1), np.gradient(grid, axis=0))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    outward = grid - grid[:, :-1].mean(1, keepdims=True)
    normals *= np.where((normals * outward).sum(-1, keepdims=True) < 0, -1, 1)
    repeat = rng.uniform(1.0, 3.0)
    uv = np.stack(
        np.broadcast_arrays(angle[None] / np.pi * repeat, t[:, None] * length * 9 * repeat), -1
    )
    return Mesh(
        grid.reshape(-1, 3),
        normals.reshape(-1, 3),
        uv.reshape(-1, 2),
        _grid_triangles(len(t), SPOKES + 1, hand.is_right),
        material,
        ident,
    )


def _bend(hand: HandInstance, points: np.ndarray, t: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Points (r, s, 3) about the resting forearm, ring r at t[r], brought to the posed one."""
    flexion, deviation, twist = hand.pose.wrist
    swing = axis_angle(np.array([1.0, 0, 0]), -flexion) @ axis_angle(
        np.array([0, 0, 1.0]), deviation
    )
    rotation = swing @ axis_angle(along, twist * (0.5 + 0.5 * t).clip(0.4, 1.0))
    bent = np.einsum("rij,rsj->rsi", rotation, points)
    return hand.to_camera(bent.reshape(-1, 3)).reshape(points.shape)


def band_mesh(
    hand: HandInstance,
    material: Material,
    ident: int,
    place: float,
    wide: float,
    thick: float,
    sector: tuple[float, float] | None = None,
) -> Mesh:
    """A band about the wrist, `wide` and `thick` in metres, at `place` (0 wrist, 1 elbow).

    `sector`: only so much about the arm's back (centre and half angle, radians): a watch's face.
    """
    profile = arm_profile(hand.shape.seed)
    along, u, v = profile.axes
    length = np.linalg.norm(hand.shape.elbow)
    back = np.arctan2(-v[2], -u[2])  # the hand's back is -z
    if sector is None:
        angle = np.linspace(-np.pi, np.pi, SPOKES + 1)
    else:
        angle = back + sector[0] + np.linspace(-sector[1], sector[1], 13)
    t = place + np.array([0, 0, 1, 1]) * wide / length
    base, _ = profile.at(t)
    column = ((angle + np.pi) / (2 * np.pi) * SPOKES).round().astype(int) % SPOKES
    radius = base[:, column] + np.array([-0.001, thick, thick, -0.001])[:, None]
    points = t[:, None, None] * length * along + radius[..., None] * (
        np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
    )
    grid = _bend(hand, points, t, along)
    axis = hand.to_camera(along) - hand.to_camera(np.zeros(3))
    normals = np.zeros_like(grid)
    center = _bend(hand, (t[:, None, None] * length * along), t, along)
    outward = grid - center
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    normals[[1, 2]] = outward[[1, 2]]
    normals[0], normals[3] = -axis, axis
    return Mesh(
        grid.reshape(-1, 3),
        normals.reshape(-1, 3),
        np.zeros((normals[..., 0].size, 2)),
        _grid_triangles(4, len(angle), hand.is_right),
        material,
        ident,
        ao=0.0,
    )


@lru_cache(maxsize=64)
def _grid_triangles(rows: int, columns: int, is_right: bool) -> np.ndarray:
    i, j = np.mgrid[0 : rows - 1, 0 : columns - 1]
    a = (i * columns + j).ravel()
    triangles = np.concatenate(
        [np.stack([a, a + 1, a + columns], 1), np.stack([a + 1, a + columns + 1, a + columns], 1)]
    ).astype(np.int32)
    return read_only(triangles if not is_right else triangles[:, ::-1])

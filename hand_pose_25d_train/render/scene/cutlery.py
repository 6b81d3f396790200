"""Cutlery and tools as unit solids, lofted from sections along their length."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.skinning import normals_of
from hand_pose_25d_train.render.body.subdivision import halves
from hand_pose_25d_train.render.pose.utensils import HANDLES, NECK

_SPOKES = 12
_Sections = list[tuple[float, float, float, float]]
"""Along y: y, the middle's x, half the breadth, half the thickness."""


@lru_cache(maxsize=5)
def cutlery_solid(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, normals, uv and triangles of one of HANDLES, in -1 to 1.

    y runs from the handle's end to the tip, x is the breadth, z the thickness.
    """
    breadth, thickness = HANDLES[kind]
    b, t = breadth, thickness
    handle: _Sections = [
        (-1.0, 0, 0.35 * b, 0.5 * t),
        (-0.985, 0, 0.75 * b, 0.9 * t),
        (-0.93, 0, b, t),
        (-0.6, 0, 0.95 * b, t),
    ]
    if kind == "knife":
        blade: _Sections = [(NECK + 0.02, 0, 0.85, 0.3), (0.8, 0, 0.95, 0.25)]
        tip: _Sections = [(0.93, 0.15, 0.75, 0.2), (0.98, 0.4, 0.45, 0.15), (1.0, 0.65, 0.1, 0.1)]
        neck: _Sections = [(NECK - 0.03, 0, 0.95 * b, t), (NECK, 0, 0.9 * b, 0.8 * t)]
        parts = [_loft(handle + neck + blade + tip, _flat)]
    elif kind == "screwdriver":
        neck = [(0.1, 0, 0.9, 0.9), (NECK - 0.02, 0, 0.6, 0.6), (NECK, 0, 0.25, 0.25)]
        parts = [_loft(handle + neck + [(0.94, 0, 0.2, 0.2), (1.0, 0, 0.3, 0.06)], _flat)]
    elif kind == "hammer":
        neck = [(0.0, 0, 0.75 * b, 0.8 * t), (0.85, 0, 0.7 * b, 0.7 * t)]
        head: _Sections = [(0.8, 0, 0.9, 0.8), (0.83, 0, 1.0, 1.0), (0.97, 0, 1.0, 1.0)]
        parts = [_loft(handle + neck, _flat), _loft([*head, (1.0, 0, 0.9, 0.8)], _flat)]
    elif kind == "fork":
        neck = [(0.0, 0, 0.5 * b, 0.9 * t), (NECK, 0, 0.45 * b, 0.9 * t)]
        root: _Sections = [(0.45, 0, 0.7, 0.6 * t), (0.53, 0, 0.95, 0.5 * t)]
        end: _Sections = [(0.64, 0, 1.0, 0.5 * t)]
        parts = [_loft(handle + neck + root + end, _bent)]
        for x in (-0.8, -0.27, 0.27, 0.8):
            tine: _Sections = [(0.62, x, 0.17, 0.45 * t), (0.95, x, 0.13, 0.4 * t)]
            parts.append(_loft([*tine, (1.0, x, 0.06, 0.2 * t)], _bent))
    else:
        neck = [(0.0, 0, 0.6 * b, 0.9 * t), (NECK, 0, 0.5 * b, 0.9 * t)]
        bowl: _Sections = [
            (y, 0, max(float(np.sqrt(max(1 - ((y - 0.68) / 0.32) ** 2, 0))), 0.12), 0.2 * t)
            for y in np.linspace(0.4, 1.0, 14)
        ]
        parts = [_loft(handle + neck + bowl, _hollow)]
    vertices, normals, uv, triangles = (list(part) for part in zip(*parts, strict=True))
    starts = np.cumsum([0, *(len(v) for v in vertices[:-1])])
    faces = np.concatenate([t + start for t, start in zip(triangles, starts, strict=True)])
    indices = faces.astype(np.int32)
    indices.flags.writeable = False
    return np.concatenate(vertices), np.concatenate(normals), np.concatenate(uv), indices


def _flat(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The middle's z of what is straight."""
    return np.zeros_like(x)


def _bent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The middle's z of a fork: its head dips, and its tines rise."""
    head = ((y - NECK) / (1 - NECK)).clip(0, 1)
    return np.asarray(-2.6 * head * (1 - head) + 0.5 * head**2)


def _hollow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The middle's z of a spoon."""
    inside = 1 - x**2 - ((y - 0.68) / 0.32) ** 2
    return np.asarray(-0.9 * inside.clip(0, 1))


def _loft(
    sections: _Sections, middle: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rows = np.array([sections[0], *sections, sections[-1]])
    rows[[0, -1], 2:] = 0  # closed ends
    angle = np.linspace(0, 2 * np.pi, _SPOKES, endpoint=False)
    x = rows[:, 1:2] + rows[:, 2:3] * np.cos(angle)
    y = np.repeat(rows[:, :1], _SPOKES, 1)
    z = middle(x, y) + rows[:, 3:4] * np.sin(angle)
    vertices = np.stack([x, y, z], -1).reshape(-1, 3)
    i, j = np.mgrid[0 : len(rows) - 1, 0:_SPOKES]
    after = (j + 1) % _SPOKES
    quads = np.stack(
        [i * _SPOKES + j, (i + 1) * _SPOKES + j, (i + 1) * _SPOKES + after, i * _SPOKES + after],
        -1,
    ).reshape(-1, 4)
    uv = np.stack([x, y], -1).reshape(-1, 2) * 0.5 + 0.5
    return vertices, normals_of(vertices, quads), uv, halves(quads)

"""Clothes: cut along level lines from a suit that lies on the whole body, with hems.

Lengths are metres, in the body's frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.body.skinning import normals_of
from hand_pose_25d_train.render.body.subdivision import border, halves
from hand_pose_25d_train.render.pose.body import PosedBody, body_topology

ARM = 0.5
"""An arm's length, about: turns the share of an arm into a length."""
OVERLAP = 0.03
"""How far a shirt hangs over the trousers."""
HEM = 0.004
"""How far a hem goes back under the cloth."""


@dataclass(frozen=True)
class Draped:
    """A suit that lies on the whole of a posed body, before clothes are cut from it."""

    rest: np.ndarray
    """(n, 3) where its vertices are at rest."""
    place: np.ndarray
    """(n, 3)."""
    normals: np.ndarray
    along: np.ndarray
    """(n,) 0 at the shoulder to 1 at the wrist; 0 away from the arms."""


def drape(posed: PosedBody) -> Draped:
    """Lay the suit on a body."""
    topology, person = body_topology(), hand_shape(posed.seed).person
    smooth = topology.clothes
    rest = smooth @ posed.rest[topology.suit].astype(np.float32)
    place = smooth @ posed.vertices[topology.suit].astype(np.float32)
    along = np.zeros(len(rest), np.float32)
    for side, sign in (("r", -1), ("l", 1)):
        a, b = person.joints[f"{side}-shoulder"], person.joints[f"{side}-hand"]
        mine = topology.suit_limbs & (rest[:, 0] * sign > 0)
        along[mine] = (rest[mine] - a) @ (b - a) / ((b - a) @ (b - a))
    return Draped(rest, place, normals_of(place, topology.suit_faces), along)


def suit(
    draped: Draped, sleeve: float, waist: float, gap: float, folds: np.ndarray, legs: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cloth (vertices, normals, uv, triangles) cut from the suit about the body.

    `sleeve`: 0 at the shoulder to 1 at the wrist; `waist`: height in the body's frame, m;
    `folds` (k, 5): amplitude, wave vector, phase; `legs`: what is below the waist instead.
    """
    topology = body_topology()
    limb, height = topology.suit_limbs, draped.rest[:, 1]
    if legs:
        level = np.where(limb, 1.0, height - waist)
    else:
        level = np.where(limb, (draped.along - sleeve) * ARM, waist - OVERLAP - height)
    faces = topology.suit_faces[(level[topology.suit_faces] < 0).any(1)]
    used, inverse = np.unique(faces, return_inverse=True)
    faces, level = inverse.reshape(-1, 4), level[used]
    surface = np.concatenate([draped.rest, draped.place, draped.normals], 1)[used]
    surface = cut_mesh(surface, faces, level)
    rest, place, normals = surface[:, :3], surface[:, 3:6], surface[:, 6:]
    fold = sum(f[0] * np.sin(rest @ f[1:4] + f[4]) for f in folds)
    place = place + normals * (gap + fold)[:, None]
    # The hem: a strip from the cut edge inwards, so that the cloth has a thickness.
    rim = border(faces, level >= 0)
    ends, strip = np.unique(rim, return_inverse=True)
    strip = strip.reshape(-1, 2) + len(place)
    faces = np.concatenate([faces, np.stack([rim[:, 1], rim[:, 0], strip[:, 0], strip[:, 1]], 1)])
    rest = np.concatenate([rest, rest[ends]])
    place = np.concatenate([place, place[ends] - normals[ends] * (0.9 * gap + HEM)])
    uv = np.stack([rest[:, 0] + 0.6 * rest[:, 2], rest[:, 1]], 1) * 5
    return place, normals_of(place, faces), uv, halves(faces)


_PAIRS = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2], [1, 3]])
"""Sides and diagonals of a quad."""


def cut_mesh(values: np.ndarray, faces: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Values (n, k) of a mesh's vertices, those of a level >= 0 brought to where it is 0.

    `faces` (q, 4) have a vertex of negative level each.  A vertex outside is moved to the mean of
    where its sides and diagonals to vertices inside cross the line.
    """
    pairs = faces[:, _PAIRS].reshape(-1, 2)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    inner, outer = pairs[(level[pairs[:, 0]] < 0) & (level[pairs[:, 1]] >= 0)].T
    share = level[inner] / (level[inner] - level[outer])
    crossing = values[inner] + share[:, None] * (values[outer] - values[inner])
    count = np.bincount(outer, minlength=len(values))
    moved = count > 0
    result = values.copy()
    for k in range(values.shape[1]):
        total = np.bincount(outer, crossing[:, k], len(values))
        result[moved, k] = total[moved] / count[moved]
    return result

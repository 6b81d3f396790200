"""Gloves of the kinds that people wear: latex, wool, work gloves with a coated palm, leather.

A glove is the hand's own mesh, as much thicker as its cloth; some leave the fingers' ends bare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.body.skinning import vertex_normals
from hand_pose_25d_train.render.body.topology import RIG_BONES, hand_topology
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.scene.arms import arm_parts, split_arm
from hand_pose_25d_train.render.scene.instance import HandInstance, read_only
from hand_pose_25d_train.render.shares import draw_kind

GLOVE_KINDS: dict[str, float] = {"latex": 0.3, "wool": 0.25, "work": 0.3, "leather": 0.15}
"""Share of each kind."""
BARE_FINGERS = 0.2
"""Share of the gloves of wool and leather that leave the fingers' ends bare."""
_LATEX = (
    (0.8, 0.8, 0.78),
    (0.12, 0.3, 0.75),
    (0.02, 0.02, 0.02),
    (0.25, 0.15, 0.6),
    (0.2, 0.6, 0.5),
)
_COATS = (
    (0.02, 0.02, 0.02),
    (0.75, 0.2, 0.02),
    (0.03, 0.1, 0.4),
    (0.05, 0.25, 0.08),
    (0.15, 0.15, 0.16),
)
_LEATHERS = ((0.1, 0.05, 0.02), (0.02, 0.02, 0.02), (0.3, 0.17, 0.07), (0.45, 0.35, 0.2))


@dataclass(frozen=True)
class Glove:
    """What a hand wears."""

    cloth: Material
    thickness: float
    """Metres."""
    coat: Material | None = None
    """Of the palm and the inner side of the fingers; None: cloth."""
    bare_fingers: bool = False
    """The fingers' ends are not in it."""


def sample_glove(rng: np.random.Generator, cloth: Material, kind: str | None = None) -> Glove:
    """Draw a glove, of a kind of GLOVE_KINDS or any; `cloth`: what woven ones are made of."""
    kind = kind or draw_kind(GLOVE_KINDS, rng)
    bare = kind in ("wool", "leather") and bool(rng.random() < BARE_FINGERS)
    if kind == "latex":
        rubber = _plain(_LATEX, rng, rng.uniform(0.2, 0.45), 0.05)
        return Glove(rubber, 0.0003)
    if kind == "wool":
        knitted = replace(
            cloth,
            roughness=0.95,
            bump=float(rng.uniform(0.001, 0.004)),
            detail=float(rng.uniform(0.3, 0.8)),
            detail_scale=float(rng.uniform(50, 140)),
        )
        return Glove(knitted, float(rng.uniform(0.001, 0.0025)), None, bare)
    if kind == "leather":
        return Glove(_plain(_LEATHERS, rng, rng.uniform(0.35, 0.7), 0.04), 0.001, None, bare)
    coat = _plain(_COATS, rng, rng.uniform(0.4, 0.9), 0.04)
    return Glove(cloth, float(rng.uniform(0.0008, 0.0018)), coat if rng.random() < 0.8 else None)


def gloved_arm(
    hand: HandInstance, skin: Material, hand_ident: int, arm_ident: int, glove: Glove | None
) -> list[Mesh]:
    """The hand in its glove, if it has one, the bare rest of it and the rest of the arm."""
    if glove is None:
        return split_arm(hand, skin, hand_ident, arm_ident)
    worn, arm = split_arm(hand, skin, hand_ident, arm_ident, glove.cloth)
    triangles = _parts(hand.is_right, glove.coat is not None, glove.bare_fingers)
    thicker = worn.vertices + worn.normals * np.float32(glove.thickness)
    meshes = [replace(worn, vertices=thicker, triangles=triangles[0])]
    if glove.coat is not None:
        coat = replace(worn, vertices=thicker, triangles=triangles[1], material=glove.coat)
        meshes.append(coat)
    if glove.bare_fingers:
        meshes.append(replace(worn, triangles=triangles[2], material=skin))
    return [*meshes, arm]


def _plain(
    colours: tuple[tuple[float, float, float], ...],
    rng: np.random.Generator,
    roughness: float,
    specular: float,
) -> Material:
    tint = np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.6, 1.3)
    detail = float(rng.uniform(0, 0.25))
    return Material(
        tint=tuple(tint.clip(0, 0.95)),
        roughness=float(roughness),
        specular=specular,
        detail=detail,
    )


@lru_cache(maxsize=8)
def _parts(is_right: bool, coated: bool, bare: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The hand's triangles: of the cloth, of the coat, of the bare fingers' ends."""
    topology = hand_topology()
    triangles = arm_parts(is_right)[0]
    ends = [RIG_BONES.index(name) for name in ("1-3", *(f"{f}-{j}" for f in "2345" for j in "23"))]
    at_end = topology.fine_weights[:, ends].sum(1) > 0.5
    # Which side the palm is on is seen on one person's hand at rest.
    normals = vertex_normals(topology.subdivide @ hand_shape(1).vertices)
    is_bare, is_coated = (
        chosen[topology.split][triangles].all(1) for chosen in (at_end & bare, normals[:, 2] > 0.1)
    )
    is_coated &= ~is_bare & coated
    chosen = (~is_bare & ~is_coated, is_coated, is_bare)
    cloth, coat, skin = (read_only(triangles[rows]) for rows in chosen)
    return cloth, coat, skin

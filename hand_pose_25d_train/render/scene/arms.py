"""An arm as two meshes: the hand, which is its mask, and the rest."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.topology import HAND, hand_topology
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.scene.instance import HandInstance, oriented_triangles, read_only


def split_arm(
    hand: HandInstance,
    skin: Material,
    hand_ident: int,
    arm_ident: int,
    glove: Material | None = None,
) -> list[Mesh]:
    """The hand (gloved or not) and the rest of the arm, so that the mask ends at the wrist."""
    mesh = hand.mesh(skin if glove is None else glove, hand_ident)
    mine, others = arm_parts(hand.is_right)
    arm = Mesh(mesh.vertices, mesh.normals, mesh.uv, others, skin, arm_ident)
    arm.coarse, arm.folds = mesh.coarse, mesh.folds
    mesh.triangles, mesh.shadow_triangles, mesh.closed = mine, None, False
    if glove is not None:
        mesh.folds = None
    return [mesh, arm]


@lru_cache(maxsize=2)
def arm_parts(is_right: bool) -> tuple[np.ndarray, np.ndarray]:
    """The triangles of the hand proper and of the rest of the arm."""
    topology = hand_topology()
    weights = topology.fine_weights[topology.split]
    is_hand = weights[:, HAND] + weights[:, 3:].sum(1) > 0.5
    triangles = oriented_triangles(is_right)
    mine = is_hand[triangles].any(1)
    return read_only(triangles[mine]), read_only(triangles[~mine])

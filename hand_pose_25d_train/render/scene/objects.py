"""Things: held objects and clutter, as small meshes with procedural or photographic surfaces."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.draws import log_uniform
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.pose.grasp import CUP, cup_radius
from hand_pose_25d_train.render.pose.utensils import HANDLES, Utensil
from hand_pose_25d_train.render.scene.cutlery import cutlery_solid
from hand_pose_25d_train.render.scene.instance import MIRROR, HandInstance, read_only


@lru_cache(maxsize=32)
def solid(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Unit solids about the origin: vertices, normals, uv, triangles, of "ball", "can", "cup" or
    "box", or of a piece of cutlery (cutlery.py).

    A can is 2 long (y) and 2 wide, a box has sides of 2; a cup is open at its upper (+y) end, and
    narrower at the lower one (CUP).
    """
    if kind == "box":
        return _box()
    if kind in HANDLES:
        return cutlery_solid(kind)
    rows, columns = (17, 25)
    angle = np.linspace(0, 2 * np.pi, columns)
    if kind == "ball":
        latitude = np.linspace(-np.pi / 2, np.pi / 2, rows)
        profile = np.stack([np.cos(latitude), np.sin(latitude)], 1)
        across = profile.copy()
    elif kind == "cup":  # up the outside, over the rim, and down the inside
        inside, floor = 1 - 0.07, -0.85
        within = inside * cup_radius(floor)
        profile = np.array(
            [[0, -1], [CUP, -1], [CUP, -1], [1, 1], [1, 1], [inside, 1]]
            + [[inside, 1], [within, floor], [within, floor], [0, floor]]
        )
        slope = (1 - CUP) / 2
        across = np.array(
            [[0, -1]] * 2 + [[1, -slope]] * 2 + [[0, 1]] * 2 + [[-1, slope]] * 2 + [[0, 1]] * 2
        )
        across /= np.linalg.norm(across, axis=1, keepdims=True)
    else:  # sharp edges need their vertices twice
        profile = np.array([[0, -1], [1, -1], [1, -1], [1, 1], [1, 1], [0, 1]], dtype=float)
        across = np.array([[0, -1], [0, -1], [1, 0], [1, 0], [0, 1], [0, 1]], dtype=float)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)

    def sweep(curve):
        x = curve[:, None, 0] * ring[None, :, 0]
        z = curve[:, None, 0] * ring[None, :, 1]
        return np.stack([x, np.broadcast_to(curve[:, None, 1], x.shape), z], -1).reshape(-1, 3)

    count = len(profile)
    u, v = np.meshgrid(angle / np.pi, np.linspace(0, 1, count))
    i, j = np.mgrid[0 : count - 1, 0 : columns - 1]
    a = (i * columns + j).ravel()
    triangles = np.concatenate(
        [np.stack([a, a + columns, a + 1], 1), np.stack([a + 1, a + columns, a + columns + 1], 1)]
    )
    triangles = triangles.astype(np.int32)
    triangles.flags.writeable = False
    return sweep(profile), sweep(across), np.stack([u.ravel(), v.ravel()], 1), triangles


def _box():
    vertices: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    uv: list[list[float]] = []
    triangles: list[list[int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal = np.eye(3)[axis] * sign
            u, v = np.roll(np.eye(3)[axis], 1), np.roll(np.eye(3)[axis], 2)
            start = len(vertices)
            for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                vertices.append(normal + s * u + t * v)
                normals.append(normal)
                uv.append([(s + 1) / 2, (t + 1) / 2])
            triangles += [[start, start + 1, start + 2], [start, start + 2, start + 3]]
    indices = np.array(triangles, np.int32)
    indices.flags.writeable = False
    return np.array(vertices), np.array(normals), np.array(uv), indices


def place_solid(
    kind: str,
    half: np.ndarray,
    rotation: np.ndarray,
    center: np.ndarray,
    material: Material,
    ident: int,
) -> Mesh:
    """A solid of half extents `half` (3,), rotated and placed."""
    vertices, normals, uv, triangles = solid(kind)
    normal = normals / half
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return Mesh(
        (vertices * half) @ rotation.T + center,
        normal @ rotation.T,
        uv,
        triangles,
        material,
        ident,
        ao=0.0,
    )


def used_mesh(painter, hand: HandInstance, rng: np.random.Generator, ident: int) -> list[Mesh]:
    """The utensil that a hand uses, if it does: of metal, glass or anything."""
    held = hand.pose.held
    if not isinstance(held, Utensil):
        return []
    material = surface(painter, rng)
    if held.name in ("fork", "knife", "spoon") and rng.random() < 0.75:  # steel
        shine = np.array([0.46, 0.46, 0.47]) * rng.uniform(0.5, 1.1)
        rough = float(rng.uniform(0.15, 0.45))
        material = Material(tint=tuple(shine), specular=0.5, roughness=rough)
    elif held.name == "phone" and rng.random() < 0.6:
        dark = np.full(3, rng.uniform(0.005, 0.06))
        material = Material(
            tint=tuple(dark), specular=0.06, roughness=float(rng.uniform(0.1, 0.3))
        )
    return [held_mesh(hand, material, ident)]


def held_mesh(hand: HandInstance, material: Material, ident: int) -> Mesh:
    """What a hand holds."""
    held = hand.pose.held
    assert held is not None
    mesh = place_solid(held.kind, held.half, held.rotation, held.center, material, ident)
    mesh.vertices = hand.to_camera(mesh.vertices)
    mesh.normals = (mesh.normals if hand.is_right else mesh.normals * MIRROR) @ hand.rotation.T
    if not hand.is_right:
        mesh.triangles = _turned_round(held.kind)
    return mesh


@lru_cache(maxsize=16)
def _turned_round(kind: str) -> np.ndarray:
    return read_only(solid(kind)[3][:, ::-1])


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A uniformly random rotation (3, 3)."""
    q = rng.normal(size=4)
    q /= np.linalg.norm(q)
    sine = float(np.linalg.norm(q[1:]))
    return axis_angle(q[1:] / max(sine, 1e-9), 2 * float(np.arctan2(sine, q[0])))


def surface(painter, rng: np.random.Generator) -> Material:
    """What an object is made of: printed, painted, metal-like, sometimes the colour of skin."""
    if rng.random() < 0.12:
        skin = painter.skins.sample(rng)
        tone = np.asarray(skin.tint) * 0.45
        return Material(tint=tuple(tone), roughness=float(rng.uniform(0.3, 0.9)), specular=0.04)
    return Material(
        texture=painter.backdrops.patch(rng),
        roughness=float(rng.uniform(0.15, 0.9)),
        specular=float(rng.choice([0.04, 0.25], p=[0.85, 0.15])),
        tint=tuple(np.full(3, rng.uniform(0.5, 1.3))),
    )


def clutter(painter, rng: np.random.Generator, K: np.ndarray, size, ident: int) -> list[Mesh]:
    """A few things in the room, behind or before whoever is there."""
    things = []
    for i in range(int(rng.choice([0, 1, 2, 4], p=[0.45, 0.25, 0.2, 0.1]))):
        pixel = np.array([rng.uniform(0, 1) * size[0], rng.uniform(0, 1) * size[1], 1.0])
        center = np.linalg.solve(K, pixel) * log_uniform(rng, (0.4, 3.0))
        kind = str(rng.choice(["ball", "can", "box"]))
        half = np.exp(rng.uniform(np.log(0.015), np.log(0.12), 3))
        if kind != "box":
            half[2] = half[0]
        things.append(
            place_solid(kind, half, random_rotation(rng), center, surface(painter, rng), ident + i)
        )
    return things

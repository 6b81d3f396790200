"""What hands wear: rings, watches, bracelets, nail polish, gloves."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.body.topology import RIG_BONES, hand_topology
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.scene.instance import MIRROR, HandInstance, read_only
from hand_pose_25d_train.render.scene.sleeve import band_mesh
from hand_pose_25d_train.render.vectors import cross_product

METALS = ((0.95, 0.75, 0.32), (0.85, 0.85, 0.87), (0.92, 0.62, 0.48), (0.25, 0.25, 0.27))
POLISH = (
    (0.6, 0.02, 0.04),
    (0.03, 0.02, 0.03),
    (0.75, 0.25, 0.35),
    (0.8, 0.78, 0.75),
    (0.05, 0.1, 0.4),
)


def sample(hand: HandInstance, rng: np.random.Generator, ident: int) -> list[Mesh]:
    """What one hand wears; most wear nothing."""
    worn: list[Mesh] = []
    if rng.random() < 0.16:
        for _ in range(int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))):
            finger = int(rng.choice([0, 1, 2, 3, 4], p=[0.08, 0.2, 0.22, 0.4, 0.1]))
            worn.append(ring(hand, finger, rng, ident))
    if rng.random() < 0.16:
        worn += watch(hand, rng, ident)
    if rng.random() < 0.10:
        worn.append(nails(hand, rng, ident))
    return worn


def _metal(rng: np.random.Generator) -> Material:
    color = np.array(METALS[int(rng.integers(len(METALS)))]) * rng.uniform(0.6, 1.0)
    return Material(
        tint=tuple(color * 0.55), specular=0.5, roughness=float(rng.uniform(0.2, 0.45))
    )


def ring(hand: HandInstance, finger: int, rng: np.random.Generator, ident: int) -> Mesh:
    """A ring on the proximal phalanx (thumb: too)."""
    shape, pose = hand.shape, hand.pose
    bone = 1 if finger == 0 else 0
    a, b = pose.joints[1 + 4 * finger + bone], pose.joints[2 + 4 * finger + bone]
    along = (b - a) / np.linalg.norm(b - a)
    u = cross_product(along, np.array([0.2, 0.3, 0.9]))
    u /= np.linalg.norm(u)
    v = cross_product(along, u)
    # The root's own radius has the webbing in it.
    radius = shape.radii[finger, bone : bone + 2].mean() if finger else shape.radii[0, 1] * 1.03
    thick, wide = rng.uniform(0.0007, 0.0014), rng.uniform(0.001, 0.004)
    center = a + (b - a) * rng.uniform(0.45, 0.65)
    t = np.linspace(0, 2 * np.pi, 25)
    s = np.linspace(0, 2 * np.pi, 9)
    radial = np.cos(t)[:, None] * u + np.sin(t)[:, None] * v
    points = (
        center
        + radial[:, None] * (radius + thick * np.cos(s))[None, :, None]
        + (along * (wide * np.sin(s))[:, None])
    )
    normals = (
        radial[:, None] * np.cos(s)[None, :, None] / thick + along * (np.sin(s) / wide)[:, None]
    )
    return _finish(hand, points, normals, _metal(rng), ident)


def watch(hand: HandInstance, rng: np.random.Generator, ident: int) -> list[Mesh]:
    """A watch, a bracelet or a wristband."""
    kind = str(rng.choice(["watch", "band", "bracelet"], p=[0.5, 0.3, 0.2]))
    place = float(rng.uniform(0.02, 0.14))
    wide = {"watch": 0.018, "band": rng.uniform(0.006, 0.03), "bracelet": 0.004}[kind]
    if kind == "bracelet":
        material = _metal(rng)
    else:
        color = np.exp(
            rng.uniform(np.log(0.01), np.log(0.6), 3) * 0.4 + np.log(rng.uniform(0.01, 0.6)) * 0.6
        )
        material = Material(tint=tuple(color), roughness=float(rng.uniform(0.3, 0.9)))
    meshes = [band_mesh(hand, material, ident, place, wide, 0.0025)]
    if kind == "watch":
        length = float(np.linalg.norm(hand.shape.elbow))
        glass = Material(tint=(0.02, 0.02, 0.025), roughness=0.15, specular=0.06)
        face = band_mesh(
            hand,
            glass if rng.random() < 0.6 else _metal(rng),
            ident,
            place - 0.005 / length,
            rng.uniform(0.024, 0.032),
            0.004,
            sector=(rng.uniform(-0.1, 0.1), rng.uniform(0.4, 0.6)),
        )
        meshes.append(face)
    return meshes


def nails(hand: HandInstance, rng: np.random.Generator, ident: int) -> Mesh:
    """Nail polish: the nails again, a hair's breadth above themselves."""
    topology = hand_topology()
    color = np.array(POLISH[int(rng.integers(len(POLISH)))]) * rng.uniform(0.6, 1.2)
    vertices = hand.vertices + hand.normals * 0.0003
    triangles = _nail_triangles(hand.is_right)
    return Mesh(
        vertices[topology.split],
        hand.normals[topology.split],
        topology.uv,
        triangles,
        Material(tint=tuple(color), roughness=0.2, specular=0.05),
        ident,
        shadow_triangles=NO_TRIANGLES,
    )


def glove(rng: np.random.Generator, cloth: Material) -> Material:
    """The material of a gloved hand."""
    if rng.random() < 0.5:
        return cloth
    color = np.array([[0.02, 0.02, 0.02], [0.05, 0.15, 0.5], [0.7, 0.7, 0.7], [0.1, 0.4, 0.35]])[
        int(rng.integers(4))
    ]
    return Material(tint=tuple(color), roughness=float(rng.uniform(0.3, 0.8)), detail=0.2)


NO_TRIANGLES = read_only(np.zeros((0, 3), np.int32))
"""Polish casts no shadow that the nail does not cast."""


@lru_cache(maxsize=2)
def _nail_triangles(is_right: bool) -> np.ndarray:
    """Triangles on the backs of the fingertips (chosen once, on one person's hand)."""
    topology, shape = hand_topology(), hand_shape(1)
    fine = topology.subdivide @ shape.vertices
    chosen = np.zeros(len(fine), bool)
    for f in range(5):
        a, b = shape.joints[3 + 4 * f], shape.joints[4 + 4 * f]
        along = (b - a) / np.linalg.norm(b - a)
        back = -cross_product(shape.finger_axes[f], along)
        back /= np.linalg.norm(back)
        offset = fine - a
        t = offset @ along / np.linalg.norm(b - a)
        across = offset - (offset @ along)[:, None] * along
        cosine = across @ back / np.maximum(np.linalg.norm(across, axis=1), 1e-9)
        mine = topology.fine_weights[:, RIG_BONES.index(f"{f + 1}-3")] > 0.6
        chosen |= mine & (t > 0.42) & (t < 1.02) & (cosine > 0.72)
    triangles = topology.triangles if is_right else topology.triangles[:, ::-1]
    return read_only(triangles[chosen[topology.split][triangles].all(1)])


def _finish(
    hand: HandInstance, points: np.ndarray, normals: np.ndarray, material, ident: int
) -> Mesh:
    """A grid (r, c, 3) in the right hand's frame as a mesh in the camera's."""
    rows, columns = points.shape[:2]
    i, j = np.mgrid[0 : rows - 1, 0 : columns - 1]
    a = (i * columns + j).ravel()
    triangles = np.concatenate(
        [np.stack([a, a + 1, a + columns], 1), np.stack([a + 1, a + columns + 1, a + columns], 1)]
    ).astype(np.int32)
    normals = normals.reshape(-1, 3)
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    local = normals if hand.is_right else normals * MIRROR
    place = hand.to_camera(points.reshape(-1, 3))
    in_camera = local @ hand.rotation.T
    # Which side is the front depends on the grid's direction; make it agree with the normals.
    first = triangles[0]
    face = cross_product(place[first[1]] - place[first[0]], place[first[2]] - place[first[0]])
    if face @ in_camera[first[0]] > 0:
        triangles = triangles[:, ::-1]
    return Mesh(place, in_camera, np.zeros((len(place), 2)), triangles, material, ident, ao=0.0)

"""What is drawn of people: skin, clothes, hair and eyes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.body.skinning import normals_of
from hand_pose_25d_train.render.body.subdivision import halves
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.pose.body import body_topology, pose_body
from hand_pose_25d_train.render.scene.arms import split_arm
from hand_pose_25d_train.render.scene.clothes import drape, suit
from hand_pose_25d_train.render.scene.cutoff import rim
from hand_pose_25d_train.render.scene.instance import HandInstance, read_only
from hand_pose_25d_train.render.scene.objects import place_solid
from hand_pose_25d_train.render.scene.people import Person, random_heading, sample_arm, sample_head
from hand_pose_25d_train.render.vectors import cross_product


def meshes(
    person: Person,
    rng: np.random.Generator,
    cloth: Material,
    trousers: Material,
    first: int,
    ident: int,
    bare: bool = False,
) -> list[Mesh]:
    """What is drawn of a person: hand i of the list has ident `first` + i, the rest `ident`."""
    topology, posed = body_topology(), person.posed
    result = []
    for i, hand in enumerate(person.hands):
        result += split_arm(hand, person.skin, first + i, ident)
    normals = normals_of(posed.vertices[topology.used], topology.faces) @ person.rotation.T
    result.append(
        Mesh(
            person.place(posed.vertices[topology.used]),
            normals,
            topology.uv,
            _body_triangles(),
            person.skin,
            ident,
            ao=0.0,
        )
    )
    if not bare:
        sleeve = float(
            rng.choice([rng.uniform(0.25, 0.5), rng.uniform(0.8, 0.97), 0.04], p=[0.35, 0.55, 0.1])
        )
        folds = np.stack(
            [
                np.abs(rng.normal(0, 0.0022, 5)),
                *rng.normal(0, 28, (3, 5)),
                rng.uniform(0, 6.28, 5),
            ],
            1,
        )
        waist = float(rng.uniform(-0.12, 0.05))
        draped = drape(posed)
        for legs, material in ((False, cloth), (True, trousers)):
            place, normal, uv, triangles = suit(
                draped, sleeve, waist, float(rng.uniform(0.009, 0.022)), folds, legs
            )
            result.append(
                Mesh(
                    person.place(place),
                    normal @ person.rotation.T,
                    uv,
                    triangles,
                    material,
                    ident + 1,
                    ao=0.0,
                )
            )
    for quads, color in ((topology.hair, _hair_color(rng)), (topology.eyes, (0.16, 0.13, 0.11))):
        if quads is topology.hair and rng.random() < 0.15:
            continue
        result.append(_plain(person, quads, color, ident))
    return result


def behind(
    painter, hand: HandInstance, rng: np.random.Generator, skin: Material, ident: int
) -> list[Mesh]:
    """Whoever the hand may belong to: a face or a torso behind it, the other hands hanging."""
    # Only the sleeves of its arms are drawn, so that its hands need no pose.
    arms = {side: sample_arm(rng, hand.shape.seed, 0.0, np.zeros((5, 5))) for side in "RL"}
    posed = pose_body(hand.shape.seed, arms, sample_head(rng))
    rotation = random_heading(rng)
    joint = str(rng.choice(["r-eye", "neck", "spine-2"]))
    target = hand_shape(hand.shape.seed).person.joints[joint]
    middle = hand.keypoints.mean(0)
    place = middle + middle / np.linalg.norm(middle) * rng.uniform(0.28, 0.7)
    place = place + rng.normal(0, 0.12, 3) * [1, 1, 0]
    roll = axis_angle(np.array([0, 0, 1.0]), rng.normal(0, 0.5))
    person = Person(posed, roll @ rotation, place - roll @ rotation @ target, skin, [])
    return meshes(person, rng, painter.cloth(rng), painter.cloth(rng), 0, ident)


def shoulder(hand: HandInstance, cloth: Material, rng: np.random.Generator, ident: int) -> Mesh:
    """A dressed shoulder and chest, roughly, about the end of an arm that would end in the air."""
    scale = np.linalg.norm(hand.shape.elbow) / 0.25
    half = rng.uniform([0.08, 0.14, 0.16], [0.14, 0.24, 0.32]) * scale
    end = hand.vertices[rim()].mean(0)
    along = end - hand.keypoints[0]
    along /= np.linalg.norm(along)
    beside = cross_product(along, rng.normal(size=3))
    beside /= np.linalg.norm(beside)
    rotation = np.stack([along, beside, cross_product(along, beside)], 1)
    return place_solid("ball", half, rotation, end + along * 0.5 * half[0], cloth, ident)


def _plain(person: Person, quads: np.ndarray, color, ident: int) -> Mesh:
    used, inverse = np.unique(quads, return_inverse=True)
    faces = inverse.reshape(-1, 4)
    points = person.posed.vertices[used]
    return Mesh(
        person.place(points),
        normals_of(points, faces) @ person.rotation.T,
        np.zeros((len(points), 2)),
        halves(faces),
        Material(tint=color, roughness=0.5, detail=0.0),
        ident,
        ao=0.0,
    )


def _hair_color(rng: np.random.Generator):
    dark = np.array([0.02, 0.015, 0.012])
    light = np.array([0.5, 0.36, 0.2])
    color = dark + (light - dark) * rng.beta(0.6, 1.8)
    return tuple(color if rng.random() < 0.85 else np.full(3, rng.uniform(0.2, 0.6)))


@lru_cache(maxsize=1)
def _body_triangles() -> np.ndarray:
    return read_only(halves(body_topology().faces))

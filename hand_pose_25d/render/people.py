"""Dressed people in front of the camera, and the hands they hold up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .body import ArmPose, PosedBody, body_topology, drape, pose_body, suit
from .drawables import Material, Mesh
from .instance import HandInstance, oriented_triangles, read_only
from .kinematics import axis_angle
from .pose import make, sample_pose
from .rig import hand_frame, hand_shape
from .skinning import normals_of, vertex_normals
from .topology import HAND, hand_topology

FACING = np.diag([1.0, -1.0, -1.0])
"""Body frame -> camera frame of a person who looks at the camera."""


@dataclass
class Person:
    """A posed and dressed person in the camera's frame."""

    posed: PosedBody
    rotation: np.ndarray
    translation: np.ndarray
    skin: Material
    hands: list[HandInstance]
    """Right and left."""

    def place(self, points: np.ndarray) -> np.ndarray:
        """Body frame -> camera frame."""
        return points @ self.rotation.T + self.translation


def sample_arm(
    rng: np.random.Generator, seed: int, raised: float, angles: np.ndarray | None = None
) -> ArmPose:
    """An arm hanging, on the table, or raised before the body (right side, body frame).

    The hand's pose is drawn unless its `angles` (5, 5) are given.
    """
    shape = hand_shape(seed)
    if rng.random() < raised:
        # The elbow low and somewhat out, the forearm up, in or to the front.
        upper = np.array(
            [rng.uniform(-0.75, 0.25), rng.uniform(-1.0, 0.15), rng.uniform(-0.1, 0.9)]
        )
        lower = np.array(
            [rng.uniform(-0.6, 0.75), rng.uniform(-0.25, 1.0), rng.uniform(0.15, 1.0)]
        )
    else:
        upper = np.array([rng.uniform(-0.35, 0.0), -1.0, rng.uniform(-0.2, 0.35)])
        lower = np.array([rng.uniform(-0.15, 0.5), rng.uniform(-1.0, 0.1), rng.uniform(0.1, 0.9)])
    mode = "still"
    if angles is None:
        pose = sample_pose(shape, rng)
        angles, mode = pose.angles, pose.mode
    wrist = (
        float(np.clip(rng.normal(0, 25), -60, 60)),
        float(np.clip(rng.normal(0, 9), -18, 25)),
        float(rng.uniform(-95, 80)),
    )
    pose = make(shape, angles, np.radians(wrist), mode)
    return ArmPose(upper / np.linalg.norm(upper), lower / np.linalg.norm(lower), pose)


def sample_head(rng: np.random.Generator) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a head, rad."""
    yaw, pitch, roll = np.radians([rng.normal(0, 25), rng.normal(0, 12), rng.normal(0, 6)])
    return float(yaw), float(pitch), float(roll)


def sample_person(
    rng: np.random.Generator,
    seed: int,
    skin: Material,
    arms: dict[str, ArmPose] | None = None,
    raised: float = 0.7,
) -> Person:
    """Draw a person; stands at the camera's centre until it is moved."""
    arms = arms or {side: sample_arm(rng, seed, raised) for side in "RL"}
    return stand(pose_body(seed, arms, sample_head(rng)), arms, FACING, np.zeros(3), skin)


def stand(
    posed: PosedBody,
    arms: dict[str, ArmPose],
    rotation: np.ndarray,
    translation: np.ndarray,
    skin: Material,
) -> Person:
    """Put a posed body into the camera's frame."""
    hands = []
    for side in "RL":
        points = posed.hands[side]
        is_right = side == "R"
        local = points if is_right else points * [-1, 1, 1]
        frame = hand_frame(local)
        turn = frame.T if is_right else np.diag([-1.0, 1, 1]) @ frame.T @ np.diag([-1.0, 1, 1])
        vertices = posed.arms[side]
        normals = vertex_normals(vertices)
        if not is_right:
            normals = -normals
        hands.append(
            HandInstance(
                hand_shape(posed.seed),
                arms[side].hand,
                is_right,
                rotation @ turn,
                points[0] @ rotation.T + translation,
                vertices @ rotation.T + translation,
                normals @ rotation.T,
                points @ rotation.T + translation,
            )
        )
    return Person(posed, rotation, translation, skin, hands)


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


def split_arm(
    hand: HandInstance,
    skin: Material,
    hand_ident: int,
    arm_ident: int,
    glove: Material | None = None,
) -> list[Mesh]:
    """The hand (gloved or not) and the rest of the arm, so that the mask ends at the wrist."""
    mesh = hand.mesh(skin if glove is None else glove, hand_ident)
    mine, others = _arm_parts(hand.is_right)
    arm = Mesh(mesh.vertices, mesh.normals, mesh.uv, others, skin, arm_ident)
    arm.coarse, arm.folds = mesh.coarse, mesh.folds
    mesh.triangles, mesh.shadow_triangles, mesh.closed = mine, None, False
    if glove is not None:
        mesh.folds = None
    return [mesh, arm]


def behind(
    painter, hand: HandInstance, rng: np.random.Generator, skin: Material, ident: int
) -> list[Mesh]:
    """Whoever the hand may belong to: a face or a torso behind it, the other hands hanging."""
    # Only the sleeves of its arms are drawn, so that its hands need no pose.
    arms = {side: sample_arm(rng, hand.shape.seed, 0.0, np.zeros((5, 5))) for side in "RL"}
    posed = pose_body(hand.shape.seed, arms, sample_head(rng))
    turn = turned(rng)
    joint = str(rng.choice(["r-eye", "neck", "spine-2"]))
    target = hand_shape(hand.shape.seed).person.joints[joint]
    middle = hand.keypoints.mean(0)
    place = middle + middle / np.linalg.norm(middle) * rng.uniform(0.28, 0.7)
    place = place + rng.normal(0, 0.12, 3) * [1, 1, 0]
    roll = axis_angle(np.array([0, 0, 1.0]), rng.normal(0, 0.5))
    person = Person(posed, roll @ turn, place - roll @ turn @ target, skin, [])
    return meshes(person, rng, painter.cloth(rng), painter.cloth(rng), 0, ident)


def turned(rng: np.random.Generator, yaw_spread: float = 40.0) -> np.ndarray:
    """A rotation of a person about the vertical, and a little lean."""
    yaw = axis_angle(np.array([0, 1.0, 0]), np.radians(rng.normal(0, yaw_spread)))
    lean = axis_angle(np.array([1.0, 0, 0]), np.radians(rng.normal(0, 8)))
    return FACING @ lean @ yaw


def _plain(person: Person, quads: np.ndarray, color, ident: int) -> Mesh:
    used, inverse = np.unique(quads, return_inverse=True)
    faces = inverse.reshape(-1, 4)
    points = person.posed.vertices[used]
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]).astype(np.int32)
    return Mesh(
        person.place(points),
        normals_of(points, faces) @ person.rotation.T,
        np.zeros((len(points), 2)),
        triangles,
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
    faces = body_topology().faces
    return read_only(np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]).astype(np.int32))


@lru_cache(maxsize=2)
def _arm_parts(is_right: bool) -> tuple[np.ndarray, np.ndarray]:
    """The triangles of the hand proper and of the rest of the arm."""
    topology = hand_topology()
    weights = topology.fine_weights[topology.split]
    is_hand = weights[:, HAND] + weights[:, 3:].sum(1) > 0.5
    triangles = oriented_triangles(is_right)
    mine = is_hand[triangles].any(1)
    return read_only(triangles[mine]), read_only(triangles[~mine])

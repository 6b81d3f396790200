"""Whole people: the body's mesh with posed arms, hands and head, hair and clothes.

Frame of a body: x to the person's left, y up, z to the front, metres, as the mesh's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from hand_pose_25d_train.render.body.assets import load_body
from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.body.rig import HandShape, hand_frame, hand_shape
from hand_pose_25d_train.render.body.skinning import blend_vertices, bone_transforms
from hand_pose_25d_train.render.body.subdivision import catmull_clark
from hand_pose_25d_train.render.body.topology import FINGER_BONES, hand_topology
from hand_pose_25d_train.render.pose.pose import HandPoseSample
from hand_pose_25d_train.render.vectors import cross_product

SIDES = ("R", "L")
_GROUPS: tuple[str, ...] = ("trunk", "neck", "head") + tuple(
    f"{name}.{side}"
    for side in SIDES
    for name in ("upper", "lower", "twist", "hand", *(f"{f}-{j}" for f, j in FINGER_BONES))
)
PER_SIDE = 4 + len(FINGER_BONES)
_PARENTS: dict[int, int] = {2: 1}
for _k in range(2):
    _start = 3 + _k * PER_SIDE
    _PARENTS[_start] = 0
    _PARENTS.update({_start + 4 + 3 * _f: _start + 3 for _f in range(5)})
_MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class BodyTopology:
    """What all people share."""

    weights: np.ndarray
    """(V, G) float32."""
    arms: tuple[np.ndarray, np.ndarray]
    """The body's vertices of the right and of the left arm, as `hand_topology().coarse`."""
    faces: np.ndarray
    """(Q, 4) the body's quads apart from the arms, as indices into `used`."""
    used: np.ndarray
    uv: np.ndarray
    """(len(used), 2)."""
    clothes: sparse.csr_matrix
    """Subdivides the suit's vertices `suit`."""
    suit: np.ndarray
    suit_faces: np.ndarray
    suit_limbs: np.ndarray
    """(n,) bool: about the arms, of the subdivided suit's vertices."""
    hair: np.ndarray
    eyes: np.ndarray
    """Quads (n, 4) of body vertices."""


@lru_cache(maxsize=1)
def body_topology() -> BodyTopology:
    """Prepare the mesh (a second)."""
    body, hand = load_body(), hand_topology()
    quads, uv_quads = body.quads["body"]
    weights = _group_weights()
    mirrored = cKDTree(body.vertices * [-1, 1, 1])
    left = mirrored.query(body.vertices[hand.coarse])[1].astype(np.int64)
    in_arm = np.zeros(len(body.vertices), bool)
    in_arm[hand.coarse] = in_arm[left] = True
    rest = ~in_arm[quads].all(1)
    pairs, inverse = np.unique(
        np.stack([quads[rest].ravel(), uv_quads[rest].ravel()], 1), axis=0, return_inverse=True
    )
    hair = body.quads["helper-hair"][0]
    eye = body.vertices[body.joint_vertices["r-eye"]].mean(0)
    strands = body.vertices[hair]
    # A fringe that leaves the face free.
    clear = (strands[..., 1] > eye[1] + 0.03) | (strands[..., 2] < eye[2] - 0.075)
    suit, suit_quads = np.unique(body.quads["helper-tights"][0], return_inverse=True)
    clothes, suit_faces = catmull_clark(suit_quads.reshape(-1, 4), len(suit))
    uv = body.uv[pairs[:, 1]]
    return BodyTopology(
        weights=weights,
        arms=(hand.coarse, left),
        faces=inverse.reshape(-1, 4),
        used=pairs[:, 0],
        uv=np.stack([uv[:, 0], 1 - uv[:, 1]], 1),
        clothes=clothes,
        suit=suit,
        suit_faces=suit_faces,
        suit_limbs=clothes @ weights[suit][:, 3:].sum(1) > 0.3,
        hair=hair[clear.all(1)],
        eyes=np.concatenate([body.quads["helper-l-eye"][0], body.quads["helper-r-eye"][0]]),
    )


def _group_weights() -> np.ndarray:
    body = load_body()
    parents = body.bone_parents
    weights = np.zeros((len(body.vertices), len(_GROUPS)), np.float32)
    names = list(body.bone_names)
    for index, name in enumerate(names):
        base, _, side = name.partition(".")
        group = "trunk"
        ancestor = index
        while ancestor >= 0:
            if names[ancestor] == "head":
                group = "head"
                break
            ancestor = parents[ancestor]
        if base in ("neck02", "neck03"):
            group = "neck"
        elif base in ("upperarm01", "upperarm02"):
            group = f"upper.{side}"
        elif base == "lowerarm01":
            group = f"lower.{side}"
        elif base == "lowerarm02":
            group = f"twist.{side}"
        elif base == "wrist" or base.startswith("metacarpal"):
            group = f"hand.{side}"
        elif base.startswith("finger"):
            group = f"{base[6]}-{base[8]}.{side}"
        weights[:, _GROUPS.index(group)] += body.weights[:, index]
    return weights


@dataclass(frozen=True)
class ArmPose:
    """One arm, as seen on the right side (a left arm is mirrored)."""

    upper: np.ndarray
    """(3,) unit direction shoulder -> elbow, right arm, body frame."""
    lower: np.ndarray
    """(3,) unit direction elbow -> wrist."""
    hand: HandPoseSample
    """Its `wrist` says flexion, deviation and twist (pronation)."""


@dataclass
class PosedBody:
    """A person in the body's frame."""

    seed: int
    vertices: np.ndarray
    """(V, 3)."""
    hands: dict[str, np.ndarray]
    """Keypoints (21, 3) of "R" and "L"."""
    rest: np.ndarray
    """(V, 3) rest vertices, for clothes."""
    poses: dict[str, ArmPose]
    """Of the arms "R" and "L"."""
    head: tuple[float, float, float]
    """Yaw, pitch, roll, rad."""

    @cached_property
    def arms(self) -> dict[str, np.ndarray]:
        """Fine vertices (F, 3) of each arm."""
        subdivide = hand_topology().subdivide
        return {
            side: subdivide @ self.vertices[ids].astype(np.float32)
            for side, ids in zip(SIDES, body_topology().arms, strict=True)
        }


def pose_body(seed: int, arms: dict[str, ArmPose], head: tuple[float, float, float]) -> PosedBody:
    """Pose the person of this seed; `head` is yaw, pitch, roll in radians."""
    topology, shape = body_topology(), hand_shape(seed)
    person = shape.person
    rotation = np.tile(np.eye(3), (len(_GROUPS), 1, 1))
    shift = np.zeros((len(_GROUPS), 3))
    neck = person.joints["neck"].astype(np.float64)
    yaw, pitch, roll = head
    for name, share in (("neck", 0.5), ("head", 1.0)):
        group = _GROUPS.index(name)
        rotation[group] = (
            axis_angle(np.array([0, 1.0, 0]), yaw * share)
            @ axis_angle(np.array([1.0, 0, 0]), pitch * share)
            @ axis_angle(np.array([0, 0, 1.0]), roll * share)
        )
        shift[group] = neck - rotation[group] @ neck
    keypoints = {}
    for k, side in enumerate(SIDES):
        arm_rotation, arm_shift, points = _arm(shape, arms[side])
        if side == "L":
            arm_rotation = _MIRROR @ arm_rotation @ _MIRROR
            arm_shift, points = arm_shift @ _MIRROR, points @ _MIRROR
        part = slice(3 + k * PER_SIDE, 3 + (k + 1) * PER_SIDE)
        rotation[part], shift[part] = arm_rotation, arm_shift
        keypoints[side] = points
    rest = person.vertices.astype(np.float64)
    vertices = blend_vertices(rest, topology.weights, rotation, shift, _PARENTS)
    return PosedBody(seed, vertices, keypoints, rest, arms, head)


def _arm(shape: HandShape, pose: ArmPose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Transforms (PER_SIDE, 3, 3), (PER_SIDE, 3) and keypoints of a right arm."""
    joints = {
        k: v.astype(np.float64) for k, v in shape.person.joints.items() if k.startswith("r-")
    }
    shoulder, elbow, wrist = joints["r-shoulder"], joints["r-elbow"], joints["r-hand"]
    u, v = elbow - shoulder, wrist - elbow
    first = swing(u, pose.upper)
    # Rotate the upper arm so that the elbow bends in its own plane.
    now, wanted = first @ v, pose.lower
    axis = pose.upper
    a, b = now - axis * (now @ axis), wanted - axis * (wanted @ axis)
    angle = np.arctan2(cross_product(a, b) @ axis, a @ b)
    upper = axis_angle(axis, angle) @ first
    lower = swing(upper @ v, pose.lower) @ upper
    flexion, deviation, twist = pose.hand.wrist
    frame = hand_frame(shape.person.hand_joints().astype(np.float64))
    bend = axis_angle(np.array([1.0, 0, 0]), flexion) @ axis_angle(
        np.array([0, 0, 1.0]), -deviation
    )
    half = axis_angle(pose.lower, twist / 2) @ lower
    hand = axis_angle(pose.lower, twist) @ lower @ frame.T @ bend @ frame
    new_elbow = shoulder + upper @ u
    new_wrist = new_elbow + lower @ v
    finger_rotation, finger_shift = bone_transforms(
        shape, pose.hand.rotations, pose.hand.joints, (0, 0, 0)
    )
    rotations = [upper, lower, half, hand]
    shifts = [
        shoulder - upper @ shoulder,
        new_elbow - lower @ elbow,
        new_elbow - half @ elbow,
        new_wrist - hand @ wrist,
    ]
    for bone in range(3, 3 + len(FINGER_BONES)):
        rotation = hand @ frame.T @ finger_rotation[bone] @ frame
        rotations.append(rotation)
        shifts.append(new_wrist + hand @ frame.T @ finger_shift[bone] - rotation @ wrist)
    points = new_wrist + pose.hand.joints @ (hand @ frame.T).T
    return np.array(rotations), np.array(shifts), points


def swing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotation (3, 3) that rotates the direction a into the direction b."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis = cross_product(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3)
    return axis_angle(axis / sine, np.arctan2(sine, a @ b))

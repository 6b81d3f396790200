"""People in front of the camera, and the hands they hold up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.body.rig import hand_frame, hand_shape
from hand_pose_25d_train.render.body.skinning import vertex_normals
from hand_pose_25d_train.render.gl.drawables import Material
from hand_pose_25d_train.render.pose.body import ArmPose, PosedBody, pose_body
from hand_pose_25d_train.render.pose.grips import sample_use
from hand_pose_25d_train.render.pose.pose import make, sample_pose
from hand_pose_25d_train.render.scene.instance import HandInstance

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
    using: bool = False,
) -> Person:
    """Draw a person, who stands at the camera's centre until moved; `using`: a utensil is held."""
    arms = arms or {side: sample_arm(rng, seed, raised) for side in "RL"}
    if using:
        side = "RL"[int(rng.random() < 0.2)]
        use = sample_use(hand_shape(seed), rng)
        hand = replace(use, wrist=arms[side].hand.wrist)
        arms = {**arms, side: replace(arms[side], hand=hand)}
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
        to_body = frame.T if is_right else np.diag([-1.0, 1, 1]) @ frame.T @ np.diag([-1.0, 1, 1])
        vertices = posed.arms[side]
        normals = vertex_normals(vertices)
        if not is_right:
            normals = -normals
        hands.append(
            HandInstance(
                hand_shape(posed.seed),
                arms[side].hand,
                is_right,
                rotation @ to_body,
                points[0] @ rotation.T + translation,
                vertices @ rotation.T + translation,
                normals @ rotation.T,
                points @ rotation.T + translation,
            )
        )
    return Person(posed, rotation, translation, skin, hands)


def random_heading(rng: np.random.Generator, yaw_spread: float = 40.0) -> np.ndarray:
    """A rotation of a person about the vertical, and a little lean."""
    yaw = axis_angle(np.array([0, 1.0, 0]), np.radians(rng.normal(0, yaw_spread)))
    lean = axis_angle(np.array([1.0, 0, 0]), np.radians(rng.normal(0, 8)))
    return FACING @ lean @ yaw

"""A posed hand (or any mesh) brought into the camera's frame, with what its labels need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hand_pose_25d_train.render.body.folds import folds
from hand_pose_25d_train.render.body.rig import HandShape
from hand_pose_25d_train.render.body.skinning import skin, vertex_normals
from hand_pose_25d_train.render.body.topology import hand_topology
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.pose.pose import HandPoseSample

MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass
class HandInstance:
    """One hand in front of the camera."""

    shape: HandShape
    pose: HandPoseSample
    is_right: bool
    rotation: np.ndarray
    """(3, 3) hand frame (after mirroring a left hand) -> camera frame."""
    translation: np.ndarray
    """(3,) m."""
    vertices: np.ndarray
    """(F, 3) camera frame."""
    normals: np.ndarray
    keypoints: np.ndarray
    """(21, 3) camera frame, m."""

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Bring points (..., 3) of the (right) hand's frame into the camera's."""
        local = points if self.is_right else points * MIRROR
        return local @ self.rotation.T + self.translation

    def moved(self, rotation: np.ndarray, translation=(0.0, 0.0, 0.0)) -> HandInstance:
        """Rotate the hand about the camera, then shift it."""
        shift = np.asarray(translation, dtype=np.float64)
        return HandInstance(
            self.shape,
            self.pose,
            self.is_right,
            rotation @ self.rotation,
            rotation @ self.translation + shift,
            moved_points(self.vertices, rotation, shift),
            moved_points(self.normals, rotation),
            self.keypoints @ rotation.T + shift,
        )

    def mesh(self, material: Material, ident: int) -> Mesh:
        """Return what the drawer draws."""
        topology = hand_topology()
        return Mesh(
            self.vertices[topology.split],
            self.normals[topology.split],
            topology.uv,
            oriented_triangles(self.is_right),
            material,
            ident,
            closed=True,
            shadow_triangles=topology.shadow_triangles,
            coarse=topology.rough,
            folds=folds(self.shape, self.pose.angles),
        )

    def spheres(self) -> np.ndarray:
        """Balls (n, 4) that fill the hand: centre and radius, for ambient occlusion."""
        return fill(self.keypoints, self.shape)

    def radii(self) -> np.ndarray:
        """The flesh's thickness (21,) m about each keypoint."""
        return keypoint_radii(self.shape)


@lru_cache(maxsize=2)
def oriented_triangles(is_right: bool) -> np.ndarray:
    """A mirrored mesh needs its triangles turned round."""
    triangles = hand_topology().triangles
    return read_only(triangles if is_right else triangles[:, ::-1])


def read_only(array: np.ndarray) -> np.ndarray:
    """A contiguous copy that cannot be written to; the drawer uploads such indices once."""
    array = np.array(array, order="C")
    array.flags.writeable = False
    return array


def instantiate(
    shape: HandShape, pose: HandPoseSample, is_right: bool, rotation: np.ndarray, translation
) -> HandInstance:
    """Skin a hand and place it."""
    vertices = skin(shape, pose.rotations, pose.joints, pose.wrist)
    normals = vertex_normals(vertices)
    keypoints = pose.joints
    # A mirrored hand is rotated by a mirrored rotation.
    mirrored = rotation if is_right else rotation * MIRROR
    translation = np.asarray(translation, dtype=np.float64)
    return HandInstance(
        shape,
        pose,
        is_right,
        rotation,
        translation,
        moved_points(vertices, mirrored, translation),
        moved_points(normals, mirrored),
        keypoints @ mirrored.T + translation,
    )


def moved_points(points: np.ndarray, rotation: np.ndarray, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Points (n, 3) rotated, then shifted, in single precision: it draws to 0.1 micrometres."""
    result = np.asarray(points, np.float32) @ rotation.T.astype(np.float32)
    result += np.asarray(shift, np.float32)
    return np.asarray(result)


def keypoint_radii(shape: HandShape) -> np.ndarray:
    """The flesh's thickness (21,) m about each keypoint."""
    radii = np.full(21, shape.palm_radius * 1.25)
    for f in range(5):
        fingers = shape.radii[f]
        base = min(fingers[0], 0.013) if f == 0 else shape.palm_radius
        radii[1 + 4 * f : 5 + 4 * f] = [
            base,
            max(fingers[0], fingers[1]) if f else fingers[1],
            fingers[1],
            fingers[2],
        ]
    return radii


def fill(keypoints: np.ndarray, shape: HandShape) -> np.ndarray:
    """Balls (n, 4) along the bones and in the palm."""
    mixed, bones = _balls()
    radii = np.minimum(shape.radii[:, :3], 0.013) * 0.92
    palm = np.full((12, 1), shape.palm_radius * 0.85)
    return np.hstack([mixed @ keypoints, np.concatenate([palm, radii.ravel()[bones, None]])])


@lru_cache(maxsize=1)
def _balls() -> tuple[np.ndarray, np.ndarray]:
    """How the balls' centres mix the keypoints (42, 21), and whose bone (30,) each finger's is."""
    mixed = []
    for child in (5, 9, 13, 17):
        for t in (0.35, 0.62, 0.88):
            mixed.append((1 - t) * np.eye(21)[0] + t * np.eye(21)[child])
    for finger in range(5):
        for joint in range(3):
            child = 2 + 4 * finger + joint
            for t in (0.4, 0.95):
                mixed.append((1 - t) * np.eye(21)[child - 1] + t * np.eye(21)[child])
    return np.stack(mixed), np.repeat(np.arange(15), 2)

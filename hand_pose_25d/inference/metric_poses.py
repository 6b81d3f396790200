"""Metric poses: the landmarks of hands -> hands in metres, in the camera's optical frame.

reconstruction/reconstruct.py works in each virtual camera's frame; here its answers are turned
back into the camera's, and become `HandPose`s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.geometry.boxes import box_around
from hand_pose_25d.geometry.vectors import blocks_on_diagonal, carried_jointly
from hand_pose_25d.geometry.wrist_frame import palm_of
from hand_pose_25d.hand_pose import HandPose, ScaleSource, measured_source
from hand_pose_25d.handedness import handedness_of
from hand_pose_25d.inference.landmarks import Landmarks
from hand_pose_25d.reconstruction.bone_posterior import BoneEvidence, BonePosterior
from hand_pose_25d.reconstruction.depth_constraints import Surfaces
from hand_pose_25d.reconstruction.reconstruct import Bones, Method, reconstruct


@dataclass(frozen=True)
class MetricPoses:
    """N hands in metres, in the camera's optical frame; NaN where they could not be solved for."""

    keypoints: np.ndarray
    """(N, 21, 3)"""
    covariance: np.ndarray
    """(N, 21, 3, 3) square metres."""
    scale: np.ndarray
    """(N,) metres a normalised unit."""
    joint_covariance: np.ndarray
    """(N, 63, 63) square metres, see `HandPose.joint_covariance`."""
    surfaces: np.ndarray
    """(N,) keypoints whose depth counted, see `HandPose.depth_keypoints`."""
    bones: BonePosterior | None = None
    """What is known of their bones after this image, where that was asked for."""


def solve(
    landmarks: Landmarks,
    prior: Bones | Sequence[Bones],
    method: Method = "map",
    evidence: BoneEvidence | None = None,
    surfaces: Surfaces | None = None,
) -> MetricPoses:
    """Recover root depth and scale of every hand; return them in the camera's frame.

    `prior`: one for all hands, or one a hand; `evidence`: see `reconstruct`; `surfaces`: what a
    depth camera saw of them (inference/surfaces.py).
    """
    if not len(landmarks):
        shapes = (21, 3), (21, 3, 3), (), (63, 63), ()
        return MetricPoses(*[np.zeros((0, *shape)) for shape in shapes])  # type: ignore[arg-type]
    seen, cameras = landmarks.prediction, landmarks.cameras
    per_pixel = np.array([c.per_pixel for c in cameras])[:, None]
    middle = np.array([c.middle for c in cameras])[:, None, None]
    found = reconstruct(
        (seen.uv - middle) * per_pixel,
        seen.depth,
        seen.uv_covariance * (per_pixel[..., None] * per_pixel[..., None, :]),
        seen.depth_variance,
        prior,
        method=method,
        evidence=evidence,
        surfaces=surfaces,
    )
    turn = np.array([c.rotation for c in cameras])
    keypoints = found.keypoints @ turn
    joint = carried_jointly(found.joint_covariance, turn.swapaxes(1, 2)[:, None])
    covariance = blocks_on_diagonal(joint)
    return MetricPoses(keypoints, covariance, found.scale, joint, found.surfaces, found.bones)


def hand_poses(
    landmarks: Landmarks,
    p_rights: Sequence[float] | np.ndarray,
    prior: Bones | Sequence[Bones],
    method: Method = "map",
    scale_source: ScaleSource = "prior",
    evidence: BoneEvidence | None = None,
    surfaces: Surfaces | None = None,
) -> tuple[list[HandPose], BonePosterior | None]:
    """Solve for every hand's metres; `p_rights`: their probabilities of being a right hand.

    The second of what is returned: with `evidence` (see `reconstruct`), what is known of their
    bones after this image.
    """
    poses = solve(landmarks, prior, method, evidence, surfaces)
    hands = [
        hand_pose(landmarks, poses, i, float(p), scale_source) for i, p in enumerate(p_rights)
    ]
    return hands, poses.bones


def hand_pose(
    landmarks: Landmarks,
    poses: MetricPoses,
    index: int,
    p_right: float,
    scale_source: ScaleSource = "prior",
) -> HandPose:
    """Make one hand of its 2.5D and metric pose; `p_right`: the probability of a right hand."""
    pixels, prediction = landmarks.keypoints_2d[index], landmarks.prediction
    surfaces = int(poses.surfaces[index])
    return HandPose(
        keypoints=poses.keypoints[index],
        covariance=poses.covariance[index],
        keypoints_2d=pixels,
        relative_depth=prediction.depth[index],
        confidence=prediction.confidence[index],
        handedness=handedness_of(p_right),
        handedness_score=max(p_right, 1 - p_right),
        score=float(prediction.presence[index]),
        pose_score=float(landmarks.pose_scores[index]),
        box=box_around(pixels),
        scale=float(poses.scale[index]),
        scale_source=measured_source(scale_source, surfaces),
        palm_covariance=palm_of(poses.joint_covariance[index]),
        joint_covariance=poses.joint_covariance[index],
        depth_keypoints=surfaces,
    )

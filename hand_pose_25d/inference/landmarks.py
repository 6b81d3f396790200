"""The pose network at work: regions of an image -> 2.5D poses -> hands in metres.

frame + regions -> one crop a region (virtual cameras, geometry/virtual_camera.py) -> one forward
pass (inference/pose_network.py) -> pixels of the image; for the hands that are reported,
reconstruction/reconstruct.py in the virtual camera's frame and back into the camera's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import box_around
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.vectors import rotated_jointly
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.geometry.wrist_frame import palm_of
from hand_pose_25d.hand_pose import HandPose, ScaleSource
from hand_pose_25d.handedness import handedness_of, tempered
from hand_pose_25d.inference.pose_network import PoseNetwork, Prediction
from hand_pose_25d.inference.pose_score import pose_scores
from hand_pose_25d.reconstruction.bone_posterior import BoneEvidence, BonePosterior
from hand_pose_25d.reconstruction.depth_constraints import Surfaces
from hand_pose_25d.reconstruction.reconstruct import Bones, Method, reconstruct

LOST_MARGIN = 1.25
"""A region's size over that of the box around the keypoints: the margin of Region.from_box."""


@dataclass(frozen=True)
class Landmarks:
    """The network's predictions for N regions of one image, with their virtual cameras."""

    regions: list[Region]
    cameras: list[VirtualCamera]
    prediction: Prediction
    """In the crops' pixels; of a left hand's mirrored crop, too."""
    keypoints_2d: np.ndarray
    """(N, 21, 2) pixels of the image; NaN where a crop's point has no pixel there."""

    @cached_property
    def extended_2d(self) -> np.ndarray:
        """(N, 21, 2): `keypoints_2d`, carried on beyond the lens's valid field.

        What has no pixel gets the place that it would have if the image went on like the crop:
        good enough for regions and for telling hands apart.
        """
        if np.isfinite(self.keypoints_2d).all():
            return self.keypoints_2d
        rows = zip(self.regions, self.cameras, self.prediction.uv, self.keypoints_2d, strict=True)
        return np.array([_extended(*row) for row in rows])

    def __len__(self) -> int:
        return len(self.cameras)

    def __getitem__(self, rows: Sequence[int]) -> Landmarks:
        chosen = list(rows)
        return Landmarks(
            [self.regions[i] for i in chosen],
            [self.cameras[i] for i in chosen],
            self.prediction[chosen],
            self.keypoints_2d[chosen],
        )

    def __add__(self, other: Landmarks) -> Landmarks:
        """Return these rows, then the other ones."""
        return Landmarks(
            self.regions + other.regions,
            self.cameras + other.cameras,
            self.prediction + other.prediction,
            np.concatenate([self.keypoints_2d, other.keypoints_2d]),
        )

    @cached_property
    def pose_scores(self) -> np.ndarray:
        """(N,) probability that the pose is right, see `HandPose.pose_score`."""
        return pose_scores(self.prediction)

    @cached_property
    def network_p_right(self) -> np.ndarray:
        """(N,) the network's probability of a right hand in the image as it is, mirrored crops
        undone."""
        mirrored = np.array([camera.mirror for camera in self.cameras], dtype=bool)
        return np.where(mirrored, 1 - self.prediction.p_right, self.prediction.p_right)

    @cached_property
    def p_right(self) -> np.ndarray:
        """(N,) the same, so much nearer to one half as the pose may be wrong."""
        return tempered(self.network_p_right, self.pose_scores)

    @property
    def presence(self) -> np.ndarray:
        """(N,) probability that the crop shows a hand."""
        return self.prediction.presence

    @property
    def scores(self) -> np.ndarray:
        """(N,) in [0, 1]: how well the crop shows a whole hand, to choose between crops by."""
        return self.prediction.presence * self.prediction.confidence.mean(axis=1)


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


def _extended(
    region: Region, camera: VirtualCamera, uv: np.ndarray, pixels: np.ndarray
) -> np.ndarray:
    """Return (21, 2) pixels; those that are NaN are put in beside the nearest that is not."""
    cos, sin = np.cos(region.angle), np.sin(region.angle)
    to_image = np.array([[cos, -sin], [sin, cos]]) * region.size / camera.size
    local = (uv - (camera.size - 1) / 2) * (-1.0 if camera.mirror else 1.0, 1.0) @ to_image.T
    known = np.isfinite(pixels).all(-1)
    if not known.any():
        return local + region.center
    distance = np.linalg.norm(local[:, None] - local[known], axis=-1)
    nearest = np.flatnonzero(known)[np.argmin(distance, axis=1)]
    extended: np.ndarray = pixels[nearest] + local - local[nearest]
    return np.where(known[:, None], pixels, extended)


def predict_landmarks(
    network: PoseNetwork,
    frame: Frame,
    regions: Sequence[Region],
    mirror: Sequence[bool] | np.ndarray,
) -> Landmarks:
    """Run the pose network on regions of an image, all in one forward pass.

    `mirror`, one a region: true where a left hand is expected (the network knows right hands).
    """
    size = network.input_size
    cameras = [
        VirtualCamera.from_region(frame.camera, region, size, mirror=bool(flip))
        for region, flip in zip(regions, mirror, strict=True)
    ]
    prediction = network.of_frame(frame, cameras)
    pixels = [c.crop_to_image(uv) for c, uv in zip(cameras, prediction.uv, strict=True)]
    keypoints_2d = np.array(pixels, dtype=np.float64).reshape(-1, 21, 2)
    return Landmarks(list(regions), cameras, prediction, keypoints_2d)


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
    found = reconstruct(
        np.array([c.rays(uv) for c, uv in zip(cameras, seen.uv, strict=True)]),
        seen.depth,
        np.array([c.ray_covariance(v) for c, v in zip(cameras, seen.uv_covariance, strict=True)]),
        seen.depth_variance,
        prior,
        method=method,
        evidence=evidence,
        surfaces=surfaces,
    )
    turn = np.array([c.rotation for c in cameras])
    keypoints = found.keypoints @ turn
    covariance = turn.swapaxes(1, 2)[:, None] @ found.covariance @ turn[:, None]
    joint = rotated_jointly(found.joint_covariance, turn.swapaxes(1, 2))
    unsolved = ~np.asarray(found.valid, dtype=bool)
    keypoints[unsolved], covariance[unsolved] = np.nan, np.nan
    scale = np.where(unsolved, np.nan, found.scale)
    return MetricPoses(keypoints, covariance, scale, joint, found.surfaces, found.bones)


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
        replace(hand_pose(landmarks, poses, i, float(p)), scale_source=scale_source)
        for i, p in enumerate(p_rights)
    ]
    return hands, poses.bones


def hand_pose(landmarks: Landmarks, poses: MetricPoses, index: int, p_right: float) -> HandPose:
    """Make one hand of its 2.5D and metric pose; `p_right`: the probability of a right hand."""
    pixels, prediction = landmarks.keypoints_2d[index], landmarks.prediction
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
        palm_covariance=palm_of(poses.joint_covariance[index]),
        joint_covariance=poses.joint_covariance[index],
        depth_keypoints=int(poses.surfaces[index]),
    )


def lost_hand(region: Region, p_right: float) -> HandPose:
    """Make the record of a tracked hand that is not seen in this image: its pose is NaN."""
    size = region.size / LOST_MARGIN
    return HandPose(
        keypoints=np.full((21, 3), np.nan),
        covariance=np.full((21, 3, 3), np.nan),
        keypoints_2d=np.full((21, 2), np.nan),
        relative_depth=np.full(21, np.nan),
        confidence=np.zeros(21),
        handedness=handedness_of(p_right),
        handedness_score=max(p_right, 1 - p_right),
        score=0.0,
        box=(region.center[0] - size / 2, region.center[1] - size / 2, size, size),
        scale=float("nan"),
        state="lost",
    )

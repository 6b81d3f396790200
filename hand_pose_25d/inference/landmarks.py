"""The pose network at work: regions of an image -> 2.5D poses -> hands in metres.

frame + regions -> one crop a region (virtual cameras, geometry/virtual_camera.py) -> one forward
pass (inference/pose_network.py) -> pixels of the image.  inference/metric_poses.py makes metres
of them, for the hands that are reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.hand_pose import HandPose, ScaleSource
from hand_pose_25d.handedness import handedness_of, tempered
from hand_pose_25d.inference.pose_network import PoseNetwork, Prediction
from hand_pose_25d.inference.pose_score import pose_scores

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
        if chosen == list(range(len(self))):
            return self  # with what it has worked out
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
    def p_right(self) -> np.ndarray:
        """(N,) probability of a right hand in the image, near one half if the pose is in doubt."""
        mirrored = np.array([camera.mirror for camera in self.cameras], dtype=bool)
        p_right = tempered(self.prediction.p_right, self.pose_scores)
        return np.where(mirrored, 1 - p_right, p_right)

    @property
    def presence(self) -> np.ndarray:
        """(N,) probability that the crop shows a hand."""
        return self.prediction.presence

    @property
    def scores(self) -> np.ndarray:
        """(N,) in [0, 1]: how well the crop shows a whole hand, to choose between crops by."""
        return self.prediction.presence * self.prediction.confidence.mean(axis=1)


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


def lost_hand(region: Region, p_right: float, scale_source: ScaleSource = "prior") -> HandPose:
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
        scale_source=scale_source,
        state="lost",
    )

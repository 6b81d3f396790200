"""Inference: regions of an image -> what the network sees there -> poses in metres.

image + regions -> one crop a region (virtual cameras, geometry/virtual_camera.py) -> one forward
pass (inference/pose_network.py)
-> pixels of the image; for those worth it, reconstruction/reconstruct.py in the virtual camera's
frame and back into the camera's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import CropView
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.inference.pose_network import PoseNetwork, Prediction
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.reconstruct import Method, reconstruct

LOST_MARGIN = 1.25
"""A region's side over that of the box around the keypoints: the margin of Region.from_box."""


@dataclass(frozen=True)
class Views:
    """What the network says of N regions of one image."""

    regions: list[Region]
    crops: list[CropView]
    prediction: Prediction
    """In the crops' pixels; of a left hand's mirrored crop, too."""
    keypoints_2d: np.ndarray
    """(N, 21, 2) pixels of the image; NaN where a crop's point has no pixel there."""

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, rows: Sequence[int]) -> Views:
        chosen = list(rows)
        return Views(
            [self.regions[i] for i in chosen],
            [self.crops[i] for i in chosen],
            self.prediction[chosen],
            self.keypoints_2d[chosen],
        )

    def __add__(self, other: Views) -> Views:
        """Return these views, then the other ones."""
        return Views(
            self.regions + other.regions,
            self.crops + other.crops,
            self.prediction + other.prediction,
            np.concatenate([self.keypoints_2d, other.keypoints_2d]),
        )

    @property
    def right(self) -> np.ndarray:
        """(N,) probability of a right hand in the image as it is, mirrored crops undone."""
        mirrored = np.array([crop.mirror for crop in self.crops], dtype=bool)
        return np.where(mirrored, 1 - self.prediction.right, self.prediction.right)

    @property
    def scores(self) -> np.ndarray:
        """(N,) in [0, 1]: how well the crop shows a whole hand, to choose between crops by."""
        return self.prediction.presence * self.prediction.confidence.mean(axis=1)


@dataclass(frozen=True)
class Poses:
    """N hands in metres, in the camera's optical frame; NaN where they could not be solved for."""

    keypoints: np.ndarray
    """(N, 21, 3)"""
    covariance: np.ndarray
    """(N, 21, 3, 3) square metres."""
    scale: np.ndarray
    """(N,) metres a normalised unit."""


def look(
    runtime: PoseNetwork,
    image: np.ndarray,
    camera: Camera,
    regions: Sequence[Region],
    mirror: Sequence[bool] | np.ndarray,
) -> Views:
    """Run the network on the regions, all in one forward pass.

    Args:
        image: (H, W, 3) uint8 RGB.
        mirror: one a region: true where a left hand is expected (the network knows right hands).
    """
    size = runtime.input_size
    crops = [
        CropView.from_region(camera, region, size, mirror=bool(flip))
        for region, flip in zip(regions, mirror, strict=True)
    ]
    images = np.empty((len(crops), size, size, 3), dtype=np.uint8)
    for row, crop in zip(images, crops, strict=True):
        row[:] = crop.sample(image)
    prediction = runtime(images)
    pixels = [c.crop_to_image(uv) for c, uv in zip(crops, prediction.uv, strict=True)]
    keypoints_2d = np.array(pixels, dtype=np.float64).reshape(-1, 21, 2)
    return Views(list(regions), crops, prediction, keypoints_2d)


def solve(views: Views, prior: BoneLengthPrior, method: Method = "map") -> Poses:
    """Recover root depth and scale of every view's hand; return them in the camera's frame."""
    if not len(views):
        return Poses(np.zeros((0, 21, 3)), np.zeros((0, 21, 3, 3)), np.zeros(0))
    seen, crops = views.prediction, views.crops
    found = reconstruct(
        np.array([c.rays(uv) for c, uv in zip(crops, seen.uv, strict=True)]),
        seen.depth,
        np.array([c.ray_covariance(v) for c, v in zip(crops, seen.uv_covariance, strict=True)]),
        seen.depth_variance,
        prior,
        method=method,
    )
    keypoints = np.array(
        [c.to_camera(points) for c, points in zip(crops, found.keypoints, strict=True)]
    )
    covariance = np.array(
        [c.covariance_to_camera(v) for c, v in zip(crops, found.covariance, strict=True)]
    )
    unsolved = ~np.asarray(found.valid, dtype=bool)
    keypoints[unsolved], covariance[unsolved] = np.nan, np.nan
    return Poses(keypoints, covariance, np.where(unsolved, np.nan, found.scale))


def hand_pose(views: Views, poses: Poses, index: int, right: float) -> HandPose:
    """Make one hand of what was seen and solved; `right`: the probability of a right hand."""
    pixels = views.keypoints_2d[index]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return HandPose(
        keypoints=poses.keypoints[index],
        covariance=poses.covariance[index],
        keypoints_2d=pixels,
        relative_depth=views.prediction.depth[index],
        confidence=views.prediction.confidence[index],
        handedness="right" if right >= 0.5 else "left",
        handedness_score=max(right, 1 - right),
        score=float(views.prediction.presence[index]),
        box=(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])),
        scale=float(poses.scale[index]),
    )


def lost_hand(region: Region, right: float) -> HandPose:
    """Make the record of a hand that was followed and is not seen now: all of its pose is NaN."""
    side = region.size / LOST_MARGIN
    return HandPose(
        keypoints=np.full((21, 3), np.nan),
        covariance=np.full((21, 3, 3), np.nan),
        keypoints_2d=np.full((21, 2), np.nan),
        relative_depth=np.full(21, np.nan),
        confidence=np.zeros(21),
        handedness="right" if right >= 0.5 else "left",
        handedness_score=max(right, 1 - right),
        score=0.0,
        box=(region.center[0] - side / 2, region.center[1] - side / 2, side, side),
        scale=float("nan"),
        state="lost",
    )

"""From annotated samples to predictions: how a protocol shows the hands to a network.

As in the paper the hand's place is taken from the annotation, so that the pose alone is judged.
What the annotation gives away differs by how the crop is placed:

- "search": the upright box only, 1 / 0.7 times as large as the hand.  The in-plane rotation is
  searched for as by `HandPoseEstimator.estimate(boxes=...)`.
- "box": that box, to the letter of the paper; for networks trained on such crops.
- "keypoints": the region of the annotated keypoints, its direction too: what tracking sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import Box
from hand_pose_25d.geometry.roi import STABLE_KEYPOINTS, Region
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.hypotheses import refine, search
from hand_pose_25d.inference.landmarks import Landmarks, predict_landmarks
from hand_pose_25d.inference.metric_poses import solve
from hand_pose_25d.inference.pose_network import PoseNetwork
from hand_pose_25d.reconstruction import pose25d
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import REFERENCE_BONE, WRIST
from hand_pose_25d_train.datasets.sample import Sample

CROP_PLACEMENTS = ("search", "box", "keypoints")
HAND_SHARE = 0.7
"""The hand's share of the crop, Section 5."""
FINGERTIP_MARGIN = 2.5
"""Region over box where only fingertips are annotated: the wrist lies about one box away."""


@dataclass(frozen=True)
class Annotation:
    """The annotated box and handedness."""

    box: Box
    p_right: float
    """1 or 0; NaN where the dataset does not say."""
    margin: float

    @property
    def partial(self) -> bool:
        """Whether the box is around the fingertips alone."""
        return self.margin == FINGERTIP_MARGIN

    def region(self) -> Region:
        """Return the upright square around the box."""
        return Region.from_box(self.box, margin=self.margin)

    def detection(self) -> Detection:
        """Return it as a detection without an in-plane rotation."""
        return Detection(self.box, p_right=self.p_right, placed=self.region())


@dataclass(frozen=True)
class Estimate:
    """What a network predicts for one sample."""

    uv: np.ndarray
    """(21, 2) pixels of the image."""
    keypoints: dict[str, np.ndarray]
    """Method -> (21, 3) metres, camera frame: "closed_form", "map", and "true_depth", which takes
    root depth and scale from the annotation (absent without full 3D annotations)."""


def annotation(sample: Sample) -> Annotation:
    """Return the box of a sample, its own or that of the annotated keypoints.

    Raises ValueError where nothing is annotated in the image.
    """
    p_right = float("nan") if sample.is_right is None else float(sample.is_right)
    whole = np.isfinite(sample.uv[list(STABLE_KEYPOINTS)]).all()
    margin = 1 / HAND_SHARE if whole or sample.box else FINGERTIP_MARGIN
    return Annotation(sample.box or sample.tight_box(), p_right, margin)


def predict_sample(runtime: PoseNetwork, sample: Sample, how: str) -> Landmarks:
    """Run the network on a sample; one row.  Raises ValueError for an unknown way."""
    place = annotation(sample)
    mirror = [place.p_right < 0.5]
    frame = Frame(sample.image, sample.camera)
    if how == "box":
        return predict_landmarks(runtime, frame, [place.region()], mirror)
    if how == "keypoints":
        # A few missing keypoints are put in the middle, where they move the region least.
        points = np.where(np.isfinite(sample.uv), sample.uv, np.nanmean(sample.uv, axis=0))
        return predict_landmarks(runtime, frame, [Region.from_keypoints(points)], mirror)
    if how != "search":
        raise ValueError(f"unknown --look {how!r}; known are {', '.join(CROP_PLACEMENTS)}")
    found = search(runtime, frame, [place.detection()], whole_hands=not place.partial)
    if place.partial:
        found = refine(runtime, frame, found, [place.detection()])
    return found.landmarks


def estimate(
    runtime: PoseNetwork, sample: Sample, prior: BoneLengthPrior, how: str = "search"
) -> Estimate:
    """Predict one sample, in 3D where its camera is known."""
    landmarks = predict_sample(runtime, sample, how)
    keypoints = {}
    if np.isfinite(sample.K).all():
        for method in ("closed_form", "map"):
            keypoints[method] = solve(landmarks, prior, method).keypoints[0]
        if np.isfinite(sample.xyz[[WRIST, *REFERENCE_BONE]]).all():
            keypoints["true_depth"] = with_true_depth(landmarks, sample.xyz)
    return Estimate(landmarks.keypoints_2d[0], keypoints)


def with_true_depth(landmarks: Landmarks, truth: np.ndarray) -> np.ndarray:
    """Return (21, 3) metres of the first hand's 2.5D pose at the true root depth and scale."""
    camera, seen = landmarks.cameras[0], landmarks.prediction
    virtual = camera.to_virtual(truth)
    scale = float(np.linalg.norm(truth[REFERENCE_BONE[0]] - truth[REFERENCE_BONE[1]]))
    points = pose25d.decode(
        camera.rays(seen.uv[0]), seen.depth[0], np.array(virtual[WRIST, 2] / scale), scale
    )
    return camera.to_camera(points)


def shortened(points: np.ndarray, tips: Sequence[int], factor: float) -> np.ndarray:
    """Return (..., 21, D) points whose last bones, up to the `tips`, are `factor` times as long.

    Dexter+Object and EgoDexter mark fingertips on the finger's pad, short of what other sets call
    the tip; the paper removes the discrepancy with 0.9 (Section 5.2).
    """
    moved = np.array(points, dtype=np.float64)
    for tip in tips:
        joint = moved[..., tip - 1, :]
        moved[..., tip, :] = joint + factor * (moved[..., tip, :] - joint)
    return moved

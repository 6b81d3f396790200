"""Following: what the pose network sees where the tracker has it look."""

from __future__ import annotations

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.inference.landmarks import Views, look
from hand_pose_25d.inference.pose_network import PoseNetwork
from hand_pose_25d.tracking.tracker import Observation, Tracker


def observe(
    runtime: PoseNetwork, tracker: Tracker, image: np.ndarray, camera: Camera, stamp: float
) -> tuple[Views, list[Observation]]:
    """Look where the tracker proposes, in one forward pass; a view and an observation for each.

    Detections of this image must have been added to the tracker before.
    """
    proposals = tracker.propose(stamp)
    mirror = [proposal.right_probability < 0.5 for proposal in proposals]
    views = look(runtime, image, camera, [proposal.region for proposal in proposals], mirror)
    return views, [
        Observation(proposal.track_id, pixels, float(presence), float(right))
        for proposal, pixels, presence, right in zip(
            proposals, views.keypoints_2d, views.prediction.presence, views.right, strict=True
        )
    ]

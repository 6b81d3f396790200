"""Following: one image of a video through tracker and pose network."""

from __future__ import annotations

import numpy as np

from hand_pose_25d.camera import Camera
from hand_pose_25d.inference import Views, look
from hand_pose_25d.runtime import Runtime
from hand_pose_25d.tracker import Observation, TrackedHand, Tracker


def follow(
    runtime: Runtime, tracker: Tracker, image: np.ndarray, camera: Camera, stamp: float
) -> tuple[Views, list[TrackedHand]]:
    """Look where the tracker proposes, in one forward pass, and tell it what was seen.

    Returns the views, and every hand followed or just lost; `TrackedHand.index` counts in the
    views.  Detections of this image must have been added to the tracker before.
    """
    proposals = tracker.propose(stamp)
    mirror = [proposal.right_probability < 0.5 for proposal in proposals]
    views = look(runtime, image, camera, [proposal.region for proposal in proposals], mirror)
    observations = [
        Observation(proposal.track_id, pixels, float(presence), float(right))
        for proposal, pixels, presence, right in zip(
            proposals, views.keypoints_2d, views.prediction.presence, views.right, strict=True
        )
    ]
    return views, tracker.update(stamp, observations, (camera.width, camera.height))

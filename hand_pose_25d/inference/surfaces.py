"""What a depth camera sees of hands: surfaces in the places of their keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.inference.landmarks import Landmarks
from hand_pose_25d.reconstruction.depth_constraints import Surfaces
from hand_pose_25d.reconstruction.depth_samples import sample_depth

_RADIUS = 0.012  # of the region: some 3 mm of a hand, half of a finger's half width


def observe_surfaces(
    frame: Frame, landmarks: Landmarks, p_rights: Sequence[float] | np.ndarray
) -> Surfaces | None:
    """Look at the frame's depth image in the places of N hands' keypoints; None without one.

    `p_rights`: their probabilities of being a right hand.
    """
    if frame.depth is None or not len(landmarks):
        return None
    pixels = landmarks.keypoints_2d
    radius = np.array([max(1.0, _RADIUS * region.size) for region in landmarks.regions])
    seen = sample_depth(frame.depth, pixels, radius[:, None])
    # The depth along the camera's axis, carried to that of the virtual camera.
    rays = frame.camera.rays(pixels)
    axes = np.array([camera.rotation[2] for camera in landmarks.cameras])
    share = (rays * axes[:, None, :2]).sum(-1) + axes[:, None, 2]
    depth = seen.depth * share[..., None]
    variance = seen.variance * np.square(share)[..., None]
    return Surfaces(depth, variance, np.asarray(p_rights) >= 0.5)

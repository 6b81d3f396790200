"""LabelledHand: the ground truth of one hand in one rendered image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hand_pose_25d.io.rendered_joints import to_network_keypoints
from hand_pose_25d.skeleton import bone_lengths


@dataclass
class LabelledHand:
    """The labels of one hand."""

    keypoints: np.ndarray
    """(21, 3) m, camera optical frame."""
    uv: np.ndarray
    """(21, 2) px."""
    visibility: np.ndarray
    """(21,) bool: the keypoint's flesh is what the camera sees there."""
    is_right: bool
    hand_id: int = 0
    mask: np.ndarray | None = None
    """(H, W) bool: the pixels where this hand is in front."""

    @property
    def bone_lengths(self) -> np.ndarray:
        """(20,) m."""
        return bone_lengths(self.keypoints)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Tight x, y, w, h (px) of the keypoints."""
        low, high = self.uv.min(0), self.uv.max(0)
        return (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))


def with_network_keypoints(hand: LabelledHand, K: np.ndarray) -> LabelledHand:  # noqa: N803
    """Return the hand with the network's keypoints instead of the body's joints."""
    keypoints = to_network_keypoints(hand.keypoints, hand.is_right)
    uvw = keypoints @ K.T
    return replace(hand, keypoints=keypoints, uv=uvw[:, :2] / uvw[:, 2:])

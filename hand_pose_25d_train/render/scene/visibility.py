"""Which keypoints of a hand the camera sees, and whether that is enough for a label."""

from __future__ import annotations

import numpy as np

from hand_pose_25d_train.render.gl.shaders import SAMPLES
from hand_pose_25d_train.render.scene.instance import HandInstance

MIN_PIXELS, MIN_SEEN = 60, 3
"""A hand is labelled if it shows as many pixels and keypoints; crops are drawn anew until their
first hand does."""


def worth_a_label(hand: HandInstance, mask: np.ndarray, seen: np.ndarray) -> bool:
    """Whether so much of a hand is seen that a detector should find it."""
    return bool(
        hand.keypoints[:, 2].min() > 0.05 and mask.sum() >= MIN_PIXELS and seen.sum() >= MIN_SEEN
    )


def visible(
    hand: HandInstance,
    uv: np.ndarray,
    depth: np.ndarray,
    mask: np.ndarray,
    covered: np.ndarray | None,
) -> np.ndarray:
    """Which keypoints (21,) the camera sees: the surface there is this hand's, no more than the
    flesh's own thickness in front of the joint.
    """
    s = SAMPLES
    x = np.round((uv[:, 0] + 0.5) * s - 0.5)
    y = np.round((uv[:, 1] + 0.5) * s - 0.5)
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    x, y = np.where(inside, x, 0).astype(int), np.where(inside, y, 0).astype(int)
    distance = np.linalg.norm(hand.keypoints, axis=1)
    scale = distance / hand.keypoints[:, 2]  # a ray's length per unit of depth
    gap = (hand.keypoints[:, 2] - depth[y, x]) * scale
    seen = inside & mask[y, x] & (gap < 1.5 * hand.radii() + 0.003)
    if covered is not None:
        column = (x / s).astype(int).clip(0, covered.shape[1] - 1)
        seen &= ~covered[(y / s).astype(int).clip(0, covered.shape[0] - 1), column]
    return seen

"""Which keypoints of a hand the camera sees, and whether that is enough for a label."""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d_train.render.gl.shaders import SAMPLES
from hand_pose_25d_train.render.scene.instance import HandInstance
from hand_pose_25d_train.render.scene.shot import Shot

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


def label(
    shot: Shot, depth: np.ndarray, ident: np.ndarray, covered: np.ndarray | None
) -> list[LabelledHand]:
    """Return the labels of the shot's hands, from the supersampled depth and ident images."""
    hands = []
    for i, hand in enumerate(shot.hands):
        pixels = hand.keypoints @ shot.K.T
        uv = pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-6)
        mask = ident == 1 + i
        share = cv2.resize(mask.astype(np.float32), shot.size, interpolation=cv2.INTER_AREA)
        whole = share >= 0.5
        if covered is not None:
            whole &= ~covered
        seen = visible(hand, uv, depth, mask, covered)
        if (shot.whole or i) and not worth_a_label(hand, whole, seen):
            continue
        hands.append(
            LabelledHand(
                keypoints=hand.keypoints,
                uv=uv,
                is_right=hand.is_right,
                hand_id=i,
                mask=whole,
                visibility=seen,
            )
        )
    return hands

"""One hand, one answer: which poses of an image show the same hand, and which ones stay."""

from __future__ import annotations

import numpy as np

from hand_pose_25d.inference.landmarks import Landmarks

SAME_HAND = 0.12
"""Mean keypoint distance over region size below which two poses are one hand."""


def same_hand(a: np.ndarray, b: np.ndarray, size: float) -> bool:
    """Tell whether two (21, 2) poses, regions about `size` pixels, show one and the same hand.

    What tells are the keypoints that are finite in both.
    """
    distances = np.linalg.norm(a - b, axis=1)
    distances = distances[np.isfinite(distances)]
    return bool(len(distances)) and float(distances.mean()) < SAME_HAND * size


def best_hands(landmarks: Landmarks, shown: np.ndarray, max_hands: int) -> list[int]:
    """Return the rows that show hands, each hand once (non-maximum suppression), best first.

    `shown`: (N,) bool, whether a row shows a hand.
    """
    rows: list[int] = []
    for i in np.argsort(-landmarks.scores, kind="stable"):
        points, size = landmarks.extended_2d[i], landmarks.regions[i].size
        if shown[i] and not any(same_hand(points, landmarks.extended_2d[j], size) for j in rows):
            rows.append(int(i))
    return rows[:max_hands]

"""Masks of hands and arms photographed before a plain background, so that it can be replaced.

GrabCut (Rother et al., SIGGRAPH 2004; OpenCV's) seeded by the labelled skeleton: its bones are
hand, what is far from hand and arm is background.
"""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_25d.skeleton import BONES

WORKING_SIDE = 200
"""Images are segmented at about this size."""


def hand_mask(image: np.ndarray, uv: np.ndarray) -> np.ndarray | None:
    """(H, W, 3) uint8 and (21, 2) pixels -> (H, W) float32 in [0, 1], soft at its edge.

    None where no plausible mask is found (less or much more than what the skeleton covers).
    """
    height, width = image.shape[:2]
    scale = WORKING_SIDE / max(height, width)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points = np.asarray(uv, dtype=np.float64) * scale
    side = max(np.ptp(points, axis=0).max(), 8.0)
    seed = np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    near = _skeleton(points, small.shape[:2], 0.22 * side)
    seed[near > 0] = cv2.GC_PR_FGD
    # The arm leaves the wrist away from the knuckles, somewhere within a wide cone.
    away = points[0] - points[[5, 9, 13, 17]].mean(0)
    away /= max(np.linalg.norm(away), 1e-6)
    far = _skeleton(points, small.shape[:2], 0.55 * side)
    vv, uu = np.mgrid[: small.shape[0], : small.shape[1]]
    offset = np.stack((uu - points[0, 0], vv - points[0, 1]), -1)
    in_cone = offset @ away > 0.5 * np.linalg.norm(offset, axis=-1)
    seed[(far == 0) & ~in_cone] = cv2.GC_BGD
    seed[_skeleton(points, small.shape[:2], 0.04 * side) > 0] = cv2.GC_FGD
    try:
        cv2.setRNGSeed(0)
        cv2.grabCut(
            np.ascontiguousarray(small),
            seed,
            None,
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            4,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error:
        return None
    mask = np.isin(seed, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, parts = cv2.connectedComponents(mask)
    inside = parts[tuple(points[0].astype(int).clip(0, np.array(mask.shape)[::-1] - 1)[::-1])]
    if inside == 0:
        return None
    mask = (parts == inside).astype(np.float32)
    covered = mask[near > 0].mean()
    if not 0.25 < covered < 0.95:
        return None
    mask = cv2.GaussianBlur(mask, (0, 0), 0.8)
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)


def _skeleton(points: np.ndarray, shape: tuple[int, ...], width: float) -> np.ndarray:
    """Draw the bones, the palm filled, `width` pixels wide."""
    canvas = np.zeros(shape, np.uint8)
    whole = np.round(points).astype(np.int32)
    thickness = max(1, round(width))
    for a, b in BONES:
        cv2.line(canvas, whole[a].tolist(), whole[b].tolist(), 1, thickness)
    cv2.fillPoly(canvas, [whole[[0, 1, 5, 9, 13, 17]]], 1)
    return canvas

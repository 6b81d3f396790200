"""From the rendered body's joints to the keypoints that the network is taught.

MakeHuman's joints and MediaPipe's keypoints are different points of the same hand: MediaPipe's
fingertip lies in the finger's pad, its knuckles nearer to the wrist.  Photographs are labelled by
MediaPipe, so that rendered joints are moved to where MediaPipe sees them; else the two sources
would pull against each other.  The offsets were fitted to MediaPipe's answers on rendered crops by
least absolute deviations, in units of the reference bone, in frames that move with each bone.
"""

from __future__ import annotations

import numpy as np

from hand_pose_25d.skeleton import BONES, PARENTS, REFERENCE_BONE

_PALM = (0, 1, 5, 9, 13, 17)
"""Keypoints whose offsets are given in the palm's frame; the others' in that of their bone."""

OFFSETS = np.array(
    [
        (0.003, 0.053, -0.026),  # wrist
        (-0.048, -0.078, -0.085),  # thumb_cmc
        (0.013, 0.045, 0.014),  # thumb_mcp
        (0.031, -0.034, 0.0),  # thumb_ip
        (0.013, -0.083, -0.001),  # thumb_tip
        (0.03, -0.081, -0.006),  # index_mcp
        (0.016, 0.011, -0.038),  # index_pip
        (0.007, 0.005, -0.03),  # index_dip
        (0.014, -0.083, 0.004),  # index_tip
        (-0.007, -0.057, -0.017),  # middle_mcp
        (-0.013, 0.003, -0.037),  # middle_pip
        (-0.004, -0.016, -0.034),  # middle_dip
        (-0.005, -0.098, 0.001),  # middle_tip
        (-0.006, -0.057, -0.028),  # ring_mcp
        (-0.014, 0.004, -0.035),  # ring_pip
        (-0.006, 0.009, -0.03),  # ring_dip
        (-0.014, -0.072, 0.0),  # ring_tip
        (-0.028, -0.059, -0.02),  # little_mcp
        (-0.006, -0.011, -0.027),  # little_pip
        (0.003, -0.002, -0.023),  # little_dip
        (0.0, -0.055, -0.005),  # little_tip
    ]
)
"""(21, 3): towards the little finger's side, along the bone (palm: wrist -> middle MCP), and along
the cross product of both."""


def palm_frame(keypoints: np.ndarray) -> np.ndarray:
    """(..., 21, 3) -> (..., 3, 3): columns index -> little, wrist -> middle MCP, their product."""
    y = _unit(keypoints[..., 9, :] - keypoints[..., 0, :])
    x = keypoints[..., 17, :] - keypoints[..., 5, :]
    x = _unit(x - (x * y).sum(-1, keepdims=True) * y)
    return np.stack([x, y, np.cross(x, y)], -1)


def frames(keypoints: np.ndarray) -> np.ndarray:
    """(..., 21, 3) -> (..., 21, 3, 3): the frame of each keypoint's offset, as columns.

    A finger's frame turns with it about the palm's x axis; the thumb's about the palm's normal.
    """
    palm = palm_frame(keypoints)
    found = np.repeat(palm[..., None, :, :], 21, axis=-3)
    for _, child in BONES:
        if child in _PALM:
            continue
        y = _unit(keypoints[..., child, :] - keypoints[..., PARENTS[child], :])
        if child < 5:
            x = _unit(np.cross(y, palm[..., 2]))
        else:
            x = palm[..., 0] - (palm[..., 0] * y).sum(-1, keepdims=True) * y
            x = _unit(x)
        found[..., child, :, :] = np.stack([x, y, np.cross(x, y)], -1)
    return found


def to_network_keypoints(joints: np.ndarray, is_right: bool | np.ndarray) -> np.ndarray:
    """Move rendered joints (..., 21, 3) m to the network's keypoints, in the same frame.

    is_right: bool or (...,): the offsets are those of a right hand, and mirrored for a left one.
    """
    joints = np.asarray(joints, dtype=np.float64)
    side = np.where(np.asarray(is_right, dtype=bool), 1.0, -1.0)[..., None, None]
    # The cross product turns round in a mirror; x and y do not.
    offsets = OFFSETS * np.concatenate([np.ones_like(side), np.ones_like(side), side], -1)
    start, end = REFERENCE_BONE
    length = np.linalg.norm(joints[..., start, :] - joints[..., end, :], axis=-1)
    moves = (frames(joints) @ offsets[..., None])[..., 0]
    return joints + length[..., None, None] * moves


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)

"""What a gripper's controller asks of a hand: pinch, grasp and finger angles, with their sigmas.

Flexion is measured about the y axis of the wrist's frame, across the palm, so that spreading the
fingers does not count, and bending backwards is negative.  The thumb has no such axis: its angles
are those between neighbouring bones, from 0 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d.geometry.wrist_frame import wrist_rotation
from hand_pose_25d.skeleton import FINGERS, FINGERTIPS, NUM_KEYPOINTS, WRIST

OPEN, CLOSED = np.radians(20.0), np.radians(230.0)
"""Sums of a finger's three angles in an open hand and in a fist: closure 0 and 1."""
_STEP = 1e-6  # m, of the differences that carry errors of keypoints to what is made of them
_CHAINS = np.array([(WRIST, *chain) for chain in FINGERS.values()])
_THUMB_TIP, _INDEX_TIP = FINGERTIPS[0], FINGERTIPS[1]


@dataclass(frozen=True, eq=False)
class HandGesture:
    """Pinch, grasp and finger angles of one hand; NaN where the keypoints are."""

    pinch_distance: float
    """Metres between the tips of thumb and index finger."""
    pinch_distance_sigma: float
    closure: float
    """0: open hand, 1: fist; by the mean of the four fingers' angles."""
    closure_sigma: float
    """Before closure is cut off at 0 and 1."""
    finger_angles: np.ndarray
    """(5, 3) radians, 0 straight: of thumb, index, middle, ring and little finger at the MCP, PIP
    and DIP joint (thumb: CMC, MCP and IP), each the angle of the bone behind the joint with the
    one before it."""
    finger_angles_sigma: np.ndarray
    """(5, 3) radians."""


def hand_gesture(
    keypoints: np.ndarray, joint_covariance: np.ndarray, is_right: bool
) -> HandGesture:
    """Return the gesture of (21, 3) m keypoints.

    joint_covariance: (63, 63) m^2, of x, y, z of keypoint 0, then of 1, ...; see
    `independent_joint`.  The sigmas are standard deviations to first order.
    """
    points = np.asarray(keypoints, dtype=np.float64)
    if points.shape != (NUM_KEYPOINTS, 3):
        raise ValueError(f"keypoints have the shape (21, 3), got {points.shape}")
    steps = _STEP * np.eye(points.size).reshape(-1, NUM_KEYPOINTS, 3)
    values = _values(np.concatenate([points[None], points + steps, points - steps]), is_right)
    ahead, behind = values[1 : 1 + points.size], values[1 + points.size :]
    jacobian = ((ahead - behind) / (2 * _STEP)).T
    known = np.isfinite(values[0])
    jacobian[~known] = 0.0
    # What a value does not depend on may be unknown.
    covariance = np.where(np.isfinite(joint_covariance), joint_covariance, 0.0)
    variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
    sigma = np.where(known, np.sqrt(np.maximum(variance, 0.0)), np.nan)
    closure = float(np.clip(values[0, 1], 0.0, 1.0))
    return HandGesture(
        float(values[0, 0]),
        float(sigma[0]),
        closure,
        float(sigma[1]),
        values[0, 2:].reshape(5, 3),
        sigma[2:].reshape(5, 3),
    )


def independent_joint(covariance: np.ndarray) -> np.ndarray:
    """Return the joint covariance (63, 63) of keypoints with independent errors: (21, 3, 3) m^2.

    Those of a reconstruction are not: what neighbours share moves a finger without bending it.
    """
    joint = np.zeros((NUM_KEYPOINTS, 3, NUM_KEYPOINTS, 3))
    every = np.arange(NUM_KEYPOINTS)
    joint[every, :, every] = np.asarray(covariance, dtype=np.float64)
    return joint.reshape(3 * NUM_KEYPOINTS, 3 * NUM_KEYPOINTS)


def _values(points: np.ndarray, is_right: bool) -> np.ndarray:
    """(N, 21, 3) -> (N, 17): pinch distance, closure (not cut off), 15 angles."""
    bones = np.diff(points[:, _CHAINS], axis=2)  # (N, 5, 4, 3)
    across_palm = bones[:, 1:] @ wrist_rotation(points, is_right)[:, None]
    pitch = np.arctan2(-across_palm[..., 2], across_palm[..., 0])
    flexion = np.remainder(np.diff(pitch, axis=-1) + np.pi, 2 * np.pi) - np.pi
    thumb = bones[:, 0]
    normals = np.cross(thumb[:, :-1], thumb[:, 1:])
    bend = np.arctan2(np.sqrt(np.square(normals).sum(-1)), (thumb[:, :-1] * thumb[:, 1:]).sum(-1))
    pinch = np.sqrt(np.square(points[:, _THUMB_TIP] - points[:, _INDEX_TIP]).sum(-1))
    closure = (flexion.sum(-1).mean(-1) - OPEN) / (CLOSED - OPEN)
    angles = np.concatenate([bend[:, None], flexion], 1).reshape(len(points), -1)
    return np.concatenate([pinch[:, None], closure[:, None], angles], 1)

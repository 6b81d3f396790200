"""Images in which a keypoint was not seen: what is filled in, and with which covariance."""

from __future__ import annotations

import numpy as np

MAX_GAP = 0.5
"""Seconds without a measurement over which nothing is filled in, nor carried on."""


def carried_on(stamps: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the covariance with that of the nearest image in time where a keypoint has none."""
    filled = covariance.copy()
    for k in range(covariance.shape[1]):
        seen = np.flatnonzero(np.isfinite(covariance[:, k]).all((-1, -2)))
        if len(seen):
            filled[:, k] = covariance[seen[_nearest(stamps, stamps[seen])], k]
    return filled


def _nearest(stamps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return, for each stamp, which of the others is nearest."""
    right = np.minimum(np.searchsorted(others, stamps), len(others) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(stamps - others[left]) <= np.abs(others[right] - stamps), left, right)


def within_gaps(stamps: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
    """Return (N, K): whether a keypoint was seen then, or before and after within MAX_GAP."""
    seen = np.isfinite(keypoints).all(-1)
    within = seen.copy()
    for k in range(keypoints.shape[1]):
        there = np.flatnonzero(seen[:, k])
        if len(there) < 2:
            continue
        right = np.searchsorted(there, np.arange(len(stamps)))
        inner = (right > 0) & (right < len(there))
        before = stamps[there[np.clip(right - 1, 0, None)]]
        after = stamps[there[np.clip(right, None, len(there) - 1)]]
        within[:, k] |= inner & (after - before <= MAX_GAP)
    return within

"""HandPose: what the estimator says of one hand in one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Handedness = Literal["left", "right"]
ScaleSource = Literal["prior", "configured", "calibrated"]
TrackState = Literal["detected", "tracked", "lost"]


@dataclass
class HandPose:
    """One hand.  Metres and the camera's optical frame (REP-103); unknown values are NaN."""

    keypoints: np.ndarray
    """(21, 3) float64, metres, camera optical frame."""
    covariance: np.ndarray
    """(21, 3, 3) float64, square metres, of each keypoint's position."""
    keypoints_2d: np.ndarray
    """(21, 2) float64, pixels of the given image (distorted, if the image is)."""
    relative_depth: np.ndarray
    """(21,) float64, depth relative to the wrist in units of the bone wrist - index MCP, along the
    axis of a camera that looks straight at the hand: the network's 2.5D pose."""
    confidence: np.ndarray
    """(21,) float64 in [0, 1]."""
    handedness: Handedness
    """Anatomical, of an image that is not mirrored."""
    handedness_score: float
    """Probability of the handedness given, in [0.5, 1]."""
    score: float
    """Probability that this is a hand, in [0, 1]."""
    box: tuple[float, float, float, float]
    """(x, y, w, h) in pixels, around the keypoints."""
    scale: float
    """Metres per normalised unit: the length of the bone wrist - index MCP."""
    scale_source: ScaleSource = "prior"
    track_id: int = 0
    """Unique while the tracker lives, from 1 on; 0 for a hand that is not tracked."""
    state: TrackState = "detected"

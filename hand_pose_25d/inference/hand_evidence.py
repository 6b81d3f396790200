"""Hand evidence: is this a hand?  Decided by detector and pose network together.

In an image on its own neither network has the last word: the detector proposes what may be a hand,
the pose network judges it, and a hand is reported where the sum of their log odds is above 0.
What one network is not sure of the other can make up for, within limits.  The weights are a
logistic regression on photographs that are not held out (`hand-pose-25d evaluate evidence`); the
agreement of the two forward passes, of box and pose, a larger look of the detector and a mirrored
one brought nothing more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.handedness import log_odds

LIMIT = 4.0
"""Of the pose network's log odds: beyond it nothing is surer."""


class EvidenceWeights(NamedTuple):
    """What the evidence is made of."""

    constant: float
    detector: float
    """Of the log odds of the detector's score, above those of its threshold."""
    presence: float
    """Of the log odds of the presence, above those of its threshold."""
    pose: float
    """Of the log odds of the pose score."""


SHIPPED = EvidenceWeights(constant=-1.38, detector=1.65, presence=0.5, pose=0.2)
"""The constant is the fit's less 0.8: on the photographs of the fit about half as many answers lie
beside hands as with a threshold for each network."""
_SUREST = 20.0


def hand_evidence(
    scores: np.ndarray,
    presence: np.ndarray,
    pose_scores: np.ndarray,
    detector_threshold: float = 0.5,
    presence_threshold: float = 0.5,
    weights: EvidenceWeights = SHIPPED,
) -> np.ndarray:
    """Return (N,) log odds that a detection is a hand, from (N,) numbers in [0, 1] each.

    A threshold above 0.5 asks for as much more of its network as its log odds say, one below for
    less.  NaN stays NaN.
    """
    features = evidence_features(
        scores, presence, pose_scores, detector_threshold, presence_threshold
    )
    evidence: np.ndarray = features @ np.array(weights)
    return evidence


def evidence_features(
    scores: np.ndarray,
    presence: np.ndarray,
    pose_scores: np.ndarray,
    detector_threshold: float = 0.5,
    presence_threshold: float = 0.5,
) -> np.ndarray:
    """Return what the weights multiply: (N, 4)."""
    features = np.ones((len(scores), len(EvidenceWeights._fields)))
    features[:, 1] = _logits(scores) - log_odds(detector_threshold, _SUREST)
    above = _logits(presence) - log_odds(presence_threshold, _SUREST)
    features[:, 2] = np.clip(above, -LIMIT, LIMIT)
    features[:, 3] = np.clip(_logits(pose_scores), -LIMIT, LIMIT)
    return features


def lowest_score(detector_threshold: float, doubt: float = 0.0) -> float:
    """Return the detector's score below which no pose makes the evidence exceed `doubt`.

    >>> round(lowest_score(0.5), 2), round(lowest_score(0.5, 0.75), 2)
    (0.3, 0.4)
    """
    weights = SHIPPED
    missing = weights.constant - doubt + (weights.presence + weights.pose) * LIMIT
    lowest = log_odds(detector_threshold, _SUREST) - missing / weights.detector
    return float(1 / (1 + np.exp(-lowest)))


def _logits(probabilities: np.ndarray) -> np.ndarray:
    p = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-9, 1 - 1e-9)
    logits: np.ndarray = np.log(p / (1 - p))
    return logits

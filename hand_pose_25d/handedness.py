"""Handedness as evidence: probabilities of a right hand (`p_right`), joined as log odds.

Independent witnesses (detector, network, one image after the other) add up in log odds; a limit
keeps any one of them from deciding alone.  NaN means that nothing is known.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

Handedness = Literal["left", "right"]


def handedness_of(p_right: float) -> Handedness:
    """Return the likelier hand; "right" at one half."""
    return "right" if p_right >= 0.5 else "left"


def log_odds(probability: float, limit: float) -> float:
    """Return ln(p / (1 - p)), limited to [-limit, limit]; an unknown (NaN) probability gives 0."""
    if not math.isfinite(probability):
        return 0.0
    p = min(max(probability, 1e-9), 1 - 1e-9)
    return min(max(math.log(p / (1 - p)), -limit), limit)


def probability(log_odds: np.ndarray) -> np.ndarray:
    """Return the probabilities of an array of log odds, of the same shape."""
    result: np.ndarray = 1 / (1 + np.exp(-log_odds))
    return result


def tempered(p_right: np.ndarray, certainty: np.ndarray) -> np.ndarray:
    """Return probabilities whose log odds are multiplied by a certainty in [0, 1]; NaN: by 1.

    >>> tempered(np.array([0.99, 0.99]), np.array([1.0, 0.5])).round(2).tolist()
    [0.99, 0.91]
    """
    p = np.clip(p_right, 1e-9, 1 - 1e-9)
    return probability(np.log(p / (1 - p)) * np.nan_to_num(certainty, nan=1.0))

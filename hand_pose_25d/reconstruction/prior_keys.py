"""The keys of a bone-length file: mean, covariance or deviation and correlation, bones, ruler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hand_pose_25d.skeleton import BONES, KEYPOINT_NAMES

BONE_NAMES: tuple[str, ...] = tuple(f"{KEYPOINT_NAMES[p]}-{KEYPOINT_NAMES[c]}" for p, c in BONES)


def moments_of(data: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (20,) m and covariance (20, 20) m^2, in the order of `BONE_NAMES`.

    Raises ValueError that says which key is missing or wrong.
    """
    if "mean" not in data:
        raise ValueError(f"the key 'mean' is missing; there are: {', '.join(map(str, data))}")
    mean = numbers_of(data, "mean")
    if "covariance" in data:
        covariance = numbers_of(data, "covariance")
    elif "deviation" in data:
        covariance = _covariance(data, mean)
    else:
        raise ValueError("either the key 'covariance' or the key 'deviation' is needed")
    names = [str(name) for name in data.get("bones", BONE_NAMES)]
    if sorted(names) != sorted(BONE_NAMES):
        raise ValueError(f"'bones' must name each of: {', '.join(BONE_NAMES)}; got {names}")
    order = [names.index(name) for name in BONE_NAMES]
    if mean.shape != (len(order),) or covariance.shape != (len(order), len(order)):
        raise ValueError(
            f"{len(order)} bones need as many means and a square covariance, got "
            f"{mean.shape} and {covariance.shape}"
        )
    return mean[order], covariance[np.ix_(order, order)]


def ruler_ratio_of(data: Mapping[str, Any]) -> float:
    """Return the length by a ruler over that of the chain of keypoints; 1 where it is not said."""
    return float(numbers_of(data, "ruler")) if "ruler" in data else 1.0


def numbers_of(data: Mapping[str, Any], key: str) -> np.ndarray:
    """Return a key's numbers as an array; ValueError where they are something else."""
    try:
        return np.array(data[key], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"'{key}' must be numbers: {error}") from error


def _covariance(data: Mapping[str, Any], mean: np.ndarray) -> np.ndarray:
    deviation = numbers_of(data, "deviation")
    correlation = numbers_of(data, "correlation") if "correlation" in data else np.array(0.0)
    if correlation.ndim == 0:
        correlation = np.where(np.eye(mean.size, dtype=bool), 1.0, correlation)
    if deviation.shape != mean.shape or correlation.shape != (mean.size, mean.size):
        raise ValueError(
            f"mean, deviation and correlation disagree: {mean.shape}, {deviation.shape}, "
            f"{correlation.shape}"
        )
    return np.asarray(correlation * np.outer(deviation, deviation))

"""Logistic regression, for scores that are to be probabilities."""

from __future__ import annotations

import numpy as np

_STEPS = 60


def fit_logistic(x: np.ndarray, y: np.ndarray, decay: float) -> np.ndarray:
    """Return (K,) weights of features x (N, K), where y (N,) is 1 or 0 (Newton's method).

    `decay`: of the square of the weights, for each of the N; it bounds them where a feature
    separates the classes.
    """
    weights, ridge = np.zeros(x.shape[1]), decay * len(y)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-x @ weights))
        curvature = (x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(x.shape[1])
        weights -= np.linalg.solve(curvature, x.T @ (p - y) + ridge * weights)
    return weights

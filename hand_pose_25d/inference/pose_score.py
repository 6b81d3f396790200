"""Pose score: the probability that a predicted pose is right, from what the network says anyway.

A pose is right where its keypoints are off by less than 15 % (`WRONG`) of the hand's box in the
mean.  The score is a logistic function of three numbers: the keypoints' standard deviations over
the box's longer side, those of the depths, and how much the crop shows the hand that it was
mirrored for.  `hand-pose-25d evaluate pose_score` fits and judges it (docs/accuracy.md); the
chi squared of the reconstruction, the presence and the shape of the hand brought nothing more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hand_pose_25d.inference.pose_network import Prediction

WRONG = 0.15
"""Mean error over the longer side of the hand's box from which on a pose is wrong."""
LARGEST_LOGIT = 6.0
"""Of a right hand in the crop: beyond it nothing is surer."""
_TINY = 1e-9


class PoseScoreWeights(NamedTuple):
    """What the logit of the pose score is made of."""

    constant: float
    pixels: float
    """Of the logarithm of the mean standard deviation of the keypoints, in box sides."""
    depths: float
    """Of the logarithm of the root mean square of the depths' standard deviations."""
    right: float
    """Of the logit of a right hand in the crop, which is mirrored where a left one is expected."""


SHIPPED = PoseScoreWeights(constant=-6.292, pixels=-3.162, depths=-0.446, right=0.205)
"""Fitted to photographs that were trained on, and degraded; judged on held-out people."""


def pose_scores(prediction: Prediction, weights: PoseScoreWeights = SHIPPED) -> np.ndarray:
    """Return the pose score of each hand, (N,) in [0, 1]; NaN where the prediction is."""
    logit = pose_features(prediction) @ np.array(weights)
    score: np.ndarray = 1 / (1 + np.exp(np.minimum(-logit, 50)))
    return score


def pose_features(prediction: Prediction) -> np.ndarray:
    """Return what the weights multiply: (N, 4)."""
    features = np.ones((len(prediction), len(PoseScoreWeights._fields)))
    uv, covariance = prediction.uv, prediction.uv_covariance
    side = (uv.max(axis=1) - uv.min(axis=1)).max(axis=1)
    count = uv.shape[1]
    deviation = np.sqrt((covariance[..., 0, 0] + covariance[..., 1, 1]) / 2).sum(axis=1) / count
    features[:, 1] = np.log((deviation + _TINY) / (side + _TINY))
    depth_variance = prediction.depth_variance[:, 1:].sum(axis=1) / (count - 1)
    features[:, 2] = np.log(depth_variance + _TINY) / 2
    p = prediction.p_right
    logit = np.log((p + _TINY) / (1 - p + _TINY))
    features[:, 3] = np.minimum(np.maximum(logit, -LARGEST_LOGIT), LARGEST_LOGIT)
    return features

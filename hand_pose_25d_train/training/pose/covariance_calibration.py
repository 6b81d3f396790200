"""Covariances that hold on images that were not trained on.

Each keypoint's covariance and depth variance get a factor that puts 95 % of the errors inside
the 95 % ellipse.  The handedness' logit gets a factor and an offset: training shows more right
hands than left ones, use as many of each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from hand_pose_25d.networks.latent import LatentNetwork
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.evaluation.project.crops import CropTruth
from hand_pose_25d_train.evaluation.project.network import predict

QUANTILE = 0.95
CHI2_95 = {1: 3.841, 2: 5.991}
LIMITS = (0.05, 20.0)


def factors(squares: np.ndarray, dimensions: int) -> np.ndarray:
    """Return per keypoint the factor of the variance: squares (N, K) squared distances -> (K,)."""
    found = np.nanquantile(squares, QUANTILE, axis=0) / CHI2_95[dimensions]
    return np.asarray(np.clip(found, *LIMITS))


def logistic(logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return (a, b) of the most likely P(truth) = 1 / (1 + exp(-a logit - b)) (Platt, 1999)."""
    weights = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    x, y = torch.from_numpy(np.float64(logits)), torch.from_numpy(np.float64(truth))
    optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(weights[0] * x + weights[1], y)
        value.backward()
        return value

    optimizer.step(loss)
    slope, offset = weights.tolist()
    return slope, offset


def calibrate_handedness(network: LatentNetwork, crops: list[np.ndarray]) -> tuple[float, float]:
    """Fit the handedness' logit to crops of right hands and their mirror images; return (a, b)."""
    mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    shown = predict(network, crops), predict(network, mirrored)
    logits = np.concatenate([predicted.handedness_logit for predicted in shown])
    a, b = logistic(logits, np.arange(len(logits)) < len(crops))
    backbone: Any = network.backbone
    with torch.no_grad():
        parts = [backbone.right.weight, backbone.right.bias]
        if network.side is not None:
            parts += network.side.layers[-1].parameters()
        for part in parts:
            part.mul_(a)
        backbone.right.bias.add_(b)
    return a, b


@torch.no_grad()
def calibrate_covariance(network: LatentNetwork, truth: CropTruth) -> None:
    """Set the covariances' calibration from rendered crops."""
    network.uv_calibration.fill_(1)
    network.depth_calibration.fill_(1)
    predicted = predict(network, truth.crops)
    error = predicted.uv - truth.uv
    solved = np.linalg.solve(predicted.uv_covariance, error[..., None])[..., 0]
    network.uv_calibration.copy_(torch.from_numpy(factors((error * solved).sum(-1), 2)))
    depth = encode(truth.keypoints).relative_depth
    squares = (predicted.depth - depth) ** 2 / predicted.depth_variance
    network.depth_calibration.copy_(torch.from_numpy(factors(squares, 1)))
    network.depth_calibration[0] = 1  # the root's own depth has no error

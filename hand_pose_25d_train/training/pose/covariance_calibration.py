"""The last step after training: covariances that hold on images that were not trained on.

    python -m hand_pose_25d_train.training.pose.covariance_calibration
    runs/realtime/weights.safetensors \\
        --renders renders/other --out hand_pose_25d/weights/realtime.safetensors

Each keypoint's covariance and depth variance get a factor that puts 95 % of the errors inside
the 95 % ellipse.  The handedness' logit gets a factor and an offset: training shows more right
hands than left ones, use as many of each.  `--blend mediapipe=0.3` first averages the weights
with another network's (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022): a
little of what it started from can help on images unlike the training's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from hand_pose_25d.networks.latent import LatentNetwork
from hand_pose_25d.networks.weights import read_config, save_network, weights_path
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.evaluation.project.crops import CropTruth, collect
from hand_pose_25d_train.evaluation.project.network import load, predict

QUANTILE = 0.95
CHI2_95 = {1: 3.841, 2: 5.991}
LIMITS = (0.05, 20.0)


def factors(squares: np.ndarray, dimensions: int) -> np.ndarray:
    """Return per keypoint the factor of the variance: squares (N, K) squared distances -> (K,)."""
    found = np.nanquantile(squares, QUANTILE, axis=0) / CHI2_95[dimensions]
    return np.asarray(np.clip(found, *LIMITS))


@torch.no_grad()
def blend(network: torch.nn.Module, other: torch.nn.Module, share: float) -> None:
    """Move every weight that the other network has too `share` of the way to its."""
    theirs = other.state_dict()
    for name, value in network.state_dict().items():
        if value.is_floating_point() and name in theirs:
            value.lerp_(theirs[name], share)


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


def calibrate_side(network: LatentNetwork, crops: list[np.ndarray]) -> tuple[float, float]:
    """Fit the handedness' logit to crops of right hands and their mirror images; return (a, b)."""
    mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    logits = np.concatenate([predict(network, crops).right, predict(network, mirrored).right])
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
def calibrate(network: LatentNetwork, truth: CropTruth) -> None:
    """Set the covariances' calibration from rendered crops."""
    network.uv_calibration.fill_(1)
    network.depth_calibration.fill_(1)
    answers = predict(network, truth.crops)
    error = answers.uv - truth.uv
    solved = np.linalg.solve(answers.uv_covariance, error[..., None])[..., 0]
    network.uv_calibration.copy_(torch.from_numpy(factors((error * solved).sum(-1), 2)))
    depth = encode(truth.keypoints).relative_depth
    squares = (answers.depth - depth) ** 2 / answers.depth_variance
    network.depth_calibration.copy_(torch.from_numpy(factors(squares, 1)))
    network.depth_calibration[0] = 1  # the root's own depth has no error


def main() -> None:
    """Blend, calibrate, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="a trained network's name or file")
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--start", type=int, default=0, help="first image")
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--blend", metavar="NAME=SHARE", nargs="+", default=[],
                        help='e.g. "mediapipe=0.2"; one after the other')  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    network = load(args.weights)
    if not isinstance(network, LatentNetwork):
        parser.error(f"{args.weights} is not a latent network")
    for part in args.blend:
        name, _, share = part.partition("=")
        blend(network, load(name), float(share))
    truth = collect(
        ShardDataset(args.renders, masks=False), args.start, args.count, network.input_size
    )
    calibrate(network, truth)
    slope, offset = calibrate_side(network, truth.crops)
    save_network(network, read_config(weights_path(args.weights)), args.out)
    print(
        f"calibrated on {len(truth.crops)} crops: variances of pixels times "
        f"{network.uv_calibration.mean():.2f}, of depths {network.depth_calibration.mean():.2f}; "
        f"handedness' logit times {slope:.2f} plus {offset:.2f}"
    )


if __name__ == "__main__":
    main()

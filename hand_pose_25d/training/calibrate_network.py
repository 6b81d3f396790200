"""The last step after training: covariances that hold on images that were not trained on.

    python -m hand_pose_25d.training.calibrate_network runs/realtime/weights.safetensors \\
        --renders renders/other --out hand_pose_25d/weights/realtime.safetensors

Each keypoint's covariance and depth variance get a factor that puts 90 % of the errors inside
the 90 % ellipse.  `--blend mediapipe=0.3` first averages the weights with another network's
(Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022): a little of what it started
from can help on images unlike the training's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from hand_pose_25d.data.shards import ShardDataset
from hand_pose_25d.evaluation.crops import collect
from hand_pose_25d.evaluation.network import load, predict
from hand_pose_25d.network.latent import LatentNetwork
from hand_pose_25d.network.weights import read_config, save_network, weights_path
from hand_pose_25d.pose25d import encode

QUANTILE = 0.9
CHI2_90 = {1: 2.706, 2: 4.605}
LIMITS = (0.05, 20.0)


def factors(squares: np.ndarray, dimensions: int) -> np.ndarray:
    """Return per keypoint the factor of the variance: squares (N, K) squared distances -> (K,)."""
    found = np.nanquantile(squares, QUANTILE, axis=0) / CHI2_90[dimensions]
    return np.asarray(np.clip(found, *LIMITS))


@torch.no_grad()
def blend(network: torch.nn.Module, other: torch.nn.Module, share: float) -> None:
    """Move every weight `share` of the way to the other network's."""
    theirs = other.state_dict()
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.lerp_(theirs[name], share)


@torch.no_grad()
def calibrate(network: LatentNetwork, dataset: ShardDataset, start: int, count: int) -> int:
    """Set the network's calibration from rendered crops; return their number."""
    network.uv_calibration.fill_(1)
    network.depth_calibration.fill_(1)
    truth = collect(dataset, start, count, network.input_size)
    answers = predict(network, truth.crops)
    error = answers.uv - truth.uv
    solved = np.linalg.solve(answers.uv_covariance, error[..., None])[..., 0]
    network.uv_calibration.copy_(torch.from_numpy(factors((error * solved).sum(-1), 2)))
    depth = encode(truth.keypoints).relative_depth
    squares = (answers.depth - depth) ** 2 / answers.depth_variance
    network.depth_calibration.copy_(torch.from_numpy(factors(squares, 1)))
    network.depth_calibration[0] = 1  # the root's own depth has no error
    return len(truth.crops)


def main() -> None:
    """Blend, calibrate, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="a trained network's name or file")
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--start", type=int, default=0, help="first image")
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--blend", metavar="NAME=SHARE", help='e.g. "mediapipe=0.2"')
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    network = load(args.weights)
    if not isinstance(network, LatentNetwork):
        parser.error(f"{args.weights} is not a latent network")
    if args.blend:
        name, _, share = args.blend.partition("=")
        blend(network, load(name), float(share))
    used = calibrate(network, ShardDataset(args.renders, masks=False), args.start, args.count)
    save_network(network, read_config(weights_path(args.weights)), args.out)
    print(
        f"calibrated on {used} crops: variances of pixels times "
        f"{network.uv_calibration.mean():.2f}, of depths {network.depth_calibration.mean():.2f}"
    )


if __name__ == "__main__":
    main()

"""Fits the offsets of io/rendered_joints.py.

MediaPipe's network looks at rendered crops; what separates its keypoints from the projections of
the rendered joints, seen from many sides, is an offset in 3D that is solved for by robust least
squares.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import CropView
from hand_pose_25d.io.rendered_joints import frames
from hand_pose_25d.networks.weights import build_network
from hand_pose_25d.skeleton import KEYPOINT_NAMES, REFERENCE_BONE
from hand_pose_25d_train.datasets.rendered_images import camera_of
from hand_pose_25d_train.datasets.shards import SceneSample, ShardDataset
from hand_pose_25d_train.training.pose.mediapipe_start import start_from_mediapipe

SIZE = 224
GOOD = 0.055
"""Hands that MediaPipe misses by more than this fraction of the crop on average are left out."""


def observe(
    network: torch.nn.Module, sample: SceneSample
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return joints (21, 3) in a right-looking virtual frame, found and true pixels, and f."""
    hand = sample.hands[0]
    region = Region.from_keypoints(hand.uv)
    view = CropView.from_region(camera_of(sample), region, SIZE, mirror=not hand.is_right)
    crop = torch.from_numpy(view.sample(sample.image).transpose(2, 0, 1).copy())
    with torch.inference_mode():
        found = network(crop[None].float() / 255).uv[0].numpy()
    joints = view.to_virtual(hand.keypoints) * (-1 if view.mirror else 1, 1, 1)
    true = joints[:, :2] / joints[:, 2:] * view.focal + (SIZE - 1) / 2
    return joints, found, true, np.array(view.focal)


def fit_offsets(
    joints: np.ndarray, residuals: np.ndarray, focal: np.ndarray, visible: np.ndarray
) -> np.ndarray:
    """Solve for (21, 3) offsets in units of the reference bone.

    joints (N, 21, 3) m, residuals (N, 21, 2) pixels, focal (N,) pixels, visible (N, 21).
    """
    start, end = REFERENCE_BONE
    length = np.linalg.norm(joints[:, start] - joints[:, end], axis=-1)
    axes = frames(joints) * length[:, None, None, None]
    offsets = np.zeros((21, 3))
    for k in range(21):
        z = joints[:, k, 2]
        xy = joints[:, k, :2] / z[:, None]
        slope = (focal / z)[:, None, None] * (
            axes[:, k, :2] - xy[:, :, None] * axes[:, k, 2][:, None, :]
        )
        rows = slope[visible[:, k]].reshape(-1, 3)
        sides = residuals[visible[:, k], k].reshape(-1)
        weights = np.ones(len(sides))
        for _ in range(30):  # iteratively reweighted: least absolute deviations
            solution = np.linalg.lstsq(rows * weights[:, None], sides * weights, rcond=None)[0]
            weights = 1 / np.sqrt(np.maximum(np.abs(sides - rows @ solution), 1.0))
        offsets[k] = solution
    return offsets


def main() -> None:
    """Print the table of offsets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="rendered crops")
    parser.add_argument("--count", type=int, default=1500)
    args = parser.parse_args()
    network = build_network({"formulation": "latent", "input_size": SIZE}).eval()
    start_from_mediapipe(network)  # type: ignore[arg-type]
    dataset = ShardDataset(args.folder, masks=False, convert=False)
    rows, visible = [], []
    for index in range(min(args.count, len(dataset))):
        sample = dataset[index]
        if sample.hands:
            rows.append(observe(network, sample))
            visible.append(sample.hands[0].visibility)
    joints, found, true, focal = (np.array(column) for column in zip(*rows, strict=True))
    error = np.linalg.norm(found - true, axis=-1)
    good = error.mean(1) < GOOD * SIZE
    print(f"{good.sum()} of {len(good)} hands; median distance {np.median(error[good]):.2f} px")
    table = fit_offsets(joints[good], (found - true)[good], focal[good], np.array(visible)[good])
    for name, row in zip(KEYPOINT_NAMES, np.round(table, 3).tolist(), strict=True):
        print(f"    {tuple(row)},  # {name}")


if __name__ == "__main__":
    main()

"""`evaluate crops`: a pose network on rendered crops with exact labels.

Regions are the ideal ones, moved and rotated a little as a tracker would (seeded).  Depths and
scale come from `reconstruct` with the package's prior; MPJPE is root-relative and
scale-aligned: the hand is brought to its true size first (Eq. 8 with its true bone lengths).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from torch import nn

from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior, global_scale
from hand_pose_25d.reconstruction.reconstruct import Reconstruction, reconstruct
from hand_pose_25d.skeleton import bone_lengths
from hand_pose_25d_train.augmentation.regions import Jitter
from hand_pose_25d_train.datasets.rendered_images import camera_of
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.evaluation import metrics
from hand_pose_25d_train.evaluation.project.network import (
    MEDIAPIPE_NETWORK,
    NetworkPredictions,
    load,
    predict,
)
from hand_pose_25d_train.pictures import draw_bones, grid

PIXELS = 128
TRACKER = Jitter(angle=0.1, any_angle=0.0, shift=0.03, scale=0.08, wrong_handedness=0.0)
CHI2_95_2, CHI2_95_3 = 5.991, 7.815


@dataclass
class CropTruth:
    """The crops that show a hand, and what is true of them in the virtual cameras' frames."""

    cameras: list[VirtualCamera]
    crops: list[np.ndarray]
    hands: list[LabelledHand]
    uv: np.ndarray
    """(N, 21, 2) crop pixels."""
    keypoints: np.ndarray
    """(N, 21, 3) metres."""
    empty: list[np.ndarray]
    """Crops that show no hand."""


def collect(dataset: ShardDataset, start: int, count: int, size: int) -> CropTruth:
    """Cut the crops out of rendered images start ... start + count."""
    cameras, crops, hands, uv, keypoints, empty = [], [], [], [], [], []
    for index in range(start, min(start + count, len(dataset))):
        sample = dataset[index]
        if not sample.hands:
            empty.append(cv2.resize(sample.image, (size, size), interpolation=cv2.INTER_LINEAR))
            continue
        hand = sample.hands[0]
        rng = np.random.default_rng((7, sample.seed))
        (region,) = TRACKER.place(hand.uv[None], rng)
        mirror = not hand.is_right
        camera = VirtualCamera.from_region(camera_of(sample), region, size, mirror)
        cameras.append(camera)
        crops.append(camera.sample(sample.image))
        hands.append(hand)
        uv.append(camera.image_to_crop(hand.uv))
        keypoints.append(camera.to_virtual(hand.keypoints))
    return CropTruth(cameras, crops, hands, np.array(uv), np.array(keypoints), empty)


def solve_crops(
    truth: CropTruth, predicted: NetworkPredictions, prior: BoneLengthPrior | None
) -> Reconstruction:
    """Reconstruct every hand; prior None: with its true bone lengths."""
    cameras = truth.cameras
    priors = [BoneLengthPrior.exact(bone_lengths(k)) for k in truth.keypoints]
    return reconstruct(
        np.array([c.rays(uv) for c, uv in zip(cameras, predicted.uv, strict=True)]),
        predicted.depth,
        np.array(
            [c.ray_covariance(s) for c, s in zip(cameras, predicted.uv_covariance, strict=True)]
        ),
        predicted.depth_variance,
        priors if prior is None else prior,
    )


def root_relative(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Errors (N, 21) m after root alignment, the hand brought to its true size."""
    scales = [
        float(global_scale(bone_lengths(f), BoneLengthPrior.exact(bone_lengths(t))))
        for f, t in zip(found, truth, strict=True)
    ]
    scaled = metrics.root_aligned(found) * np.array(scales)[:, None, None]
    return metrics.endpoint_errors(scaled, metrics.root_aligned(truth))


def report(network: nn.Module, truth: CropTruth) -> dict[str, float]:
    """Return all figures: pixels of 128, millimetres, and shares in [0, 1]."""
    size = int(network.input_size)  # type: ignore[arg-type]
    predicted = predict(network, truth.crops)
    pixels = np.linalg.norm(predicted.uv - truth.uv, axis=-1) * PIXELS / size
    seen = np.array([hand.visibility for hand in truth.hands], dtype=bool)
    found = solve_crops(truth, predicted, BoneLengthPrior.default())
    known = solve_crops(truth, predicted, None)
    relative = 1e3 * root_relative(found.keypoints, truth.keypoints)
    relative = np.where(np.isfinite(relative), relative, np.nan)  # "unsolved" counts these
    aligned = metrics.pa_errors(found.keypoints, truth.keypoints)
    figures = {
        "2D median px": float(np.median(pixels)),
        "2D mean px": float(pixels.mean()),
        "2D mean px, visible": float(pixels[seen].mean()) if seen.any() else float("nan"),
        "2D mean px, hidden": float(pixels[~seen].mean()) if not seen.all() else float("nan"),
        "MPJPE mm": float(np.nanmean(relative)),
        "root-relative median mm": float(np.nanmedian(relative)),
        "AUC 20-50 mm": metrics.auc(relative, 20, 50),
        "PA-MPJPE mm": 1e3 * float(aligned[np.isfinite(aligned)].mean()),
    }
    for name, solved in (("prior", found), ("own bones", known)):
        error = 1e3 * np.abs(solved.keypoints[:, 0, 2] - truth.keypoints[:, 0, 2])
        share = 100 * error / (1e3 * truth.keypoints[:, 0, 2])
        figures[f"root depth, {name}, median mm"] = float(np.nanmedian(error))
        figures[f"root depth, {name}, median %"] = float(np.nanmedian(share))
    figures["unsolved"] = float(1 - found.valid.mean())
    figures["2D in 95 % ellipse"] = float(
        (_mahalanobis(predicted.uv - truth.uv, predicted.uv_covariance) < CHI2_95_2).mean()
    )
    inside = _mahalanobis(known.keypoints - truth.keypoints, known.covariance) < CHI2_95_3
    figures["3D in 95 % ellipsoid"] = float(inside[known.valid].mean())
    figures.update(_heads(network, truth, predicted))
    return figures


def _heads(
    network: nn.Module, truth: CropTruth, predicted: NetworkPredictions
) -> dict[str, float]:
    """Recall and false positives, and the handedness of crops that are not mirrored."""
    figures = {}
    if truth.empty:
        empty = predict(network, truth.empty).presence
        threshold = float(np.quantile(empty, 0.99))
        figures["recall at 1 % false positives"] = float((predicted.presence > threshold).mean())
        figures["recall at p > 0.5"] = float((predicted.presence > 0).mean())
        figures["false positives at p > 0.5"] = float((empty > 0).mean())
    # The crop of a left hand as it is, not mirrored, is the mirror image of what was shown.
    left = [
        crop[:, ::-1]
        for crop, hand in zip(truth.crops, truth.hands, strict=True)
        if not hand.is_right
    ]
    is_right = np.array([hand.is_right for hand in truth.hands])
    correct = list(predicted.handedness_logit[is_right] > 0)
    if left:
        mirrored = predict(network, [np.ascontiguousarray(crop) for crop in left])
        correct += list(mirrored.handedness_logit <= 0)
    figures["handedness correct"] = float(np.mean(correct))
    return figures


def _mahalanobis(error: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(..., D), (..., D, D) -> (...,) squared distance; inf where something is not finite."""
    use = np.isfinite(error).all(-1) & np.isfinite(covariance).all((-1, -2))
    distance = np.full(error.shape[:-1], np.inf)
    solved = np.linalg.solve(covariance[use], error[use][..., None])[..., 0]
    distance[use] = (error[use] * solved).sum(-1)
    return distance


def draw_worst_crops(network: nn.Module, truth: CropTruth, path: Path, count: int = 50) -> None:
    """Draw the crops with the largest mean error, ours above the truth."""
    found = predict(network, truth.crops).uv
    order = np.argsort(-np.linalg.norm(found - truth.uv, axis=-1).mean(-1))[:count]
    pairs = [
        np.vstack([_draw(truth.crops[i], found[i]), _draw(truth.crops[i], truth.uv[i])])
        for i in order
    ]
    cv2.imwrite(str(path), grid(pairs, 10)[..., ::-1])


def _draw(crop: np.ndarray, uv: np.ndarray, side: int = 150) -> np.ndarray:
    tile = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return draw_bones(tile, uv * side / len(crop), 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the protocol's options."""
    parser.add_argument("--data", type=Path, required=True, help="folder of rendered crops")
    parser.add_argument("--weights", nargs="+", default=["accurate", MEDIAPIPE_NETWORK])
    parser.add_argument("--start", type=int, default=0, help="first image")
    parser.add_argument("--count", type=int, default=2000, help="number of images")
    parser.add_argument("--worst", type=Path, help="draw the first network's worst fifty here")


def run(args: argparse.Namespace) -> int:
    """Print the figures of every network side by side."""
    dataset = ShardDataset(args.data, masks=False)
    columns: list[dict[str, float]] = []
    for name in args.weights:
        network = load(name)
        truth = collect(dataset, args.start, args.count, int(network.input_size))  # type: ignore[arg-type]
        if args.worst and not columns:
            draw_worst_crops(network, truth, args.worst)
        columns.append(report(network, truth))
    print(f"{len(truth.crops)} crops with hands, {len(truth.empty)} without, of {args.data.name}")
    print(f"{'':34}" + "".join(f"{Path(name).stem:>16}" for name in args.weights))
    for key in columns[0]:
        values = "".join(f"{column.get(key, float('nan')):16.3f}" for column in columns)
        print(f"{key:34}{values}")
    return 0

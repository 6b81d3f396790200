"""The commands' options for the estimator, and hands as JSON."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.inference.backends.base import BACKENDS, PRECISIONS


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the pose network and what runs it."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--weights", type=Path, metavar="FILE",
        help="pose network: .safetensors, .onnx, .xml or .pt (default: the shipped one)",
    )  # fmt: skip
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N (default: auto)")
    group.add_argument("--backend", default="auto", choices=BACKENDS)
    group.add_argument("--precision", default="auto", choices=PRECISIONS)
    group.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="CPU threads, of each network; 0: the best number, 1",
    )


def add_estimator_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of HandPoseEstimator."""
    add_network_arguments(parser)
    group = parser.add_argument_group("hands")
    group.add_argument(
        "--detector", type=Path, metavar="FILE", help="detector (default: the shipped one)"
    )
    group.add_argument(
        "--detector-threshold", type=float, metavar="P",
        help="score from which on it reports something; lower finds more hands, and phantoms",
    )  # fmt: skip
    group.add_argument("--max-hands", type=int, default=2, metavar="N", help="default: 2")
    group.add_argument(
        "--hand-scale", type=float, metavar="S", help="size of the hand over the average, if known"
    )
    group.add_argument(
        "--bone-lengths", type=Path, metavar="YAML",
        help="prior or calibration (`hand-pose-25d calibrate`) to take metres from",
    )  # fmt: skip


def make_estimator(args: argparse.Namespace, **options: Any) -> HandPoseEstimator:
    """Make the estimator that the options describe."""
    return HandPoseEstimator(
        device=args.device,
        weights=args.weights,
        detector=args.detector,
        detector_threshold=args.detector_threshold,
        max_hands=args.max_hands,
        bone_lengths=args.bone_lengths,
        hand_scale=args.hand_scale,
        backend=args.backend,
        precision=args.precision,
        threads=args.threads,
        **options,
    )


def hand_to_dict(hand: HandPose) -> dict[str, Any]:
    """Return a hand as JSON's types; unknown numbers become null.  Metres and pixels."""
    return {
        "track_id": hand.track_id,
        "state": hand.state,
        "handedness": hand.handedness,
        "handedness_score": _number(hand.handedness_score, 4),
        "score": _number(hand.score, 4),
        "box": [_number(v, 2) for v in hand.box],
        "keypoints": _rows(hand.keypoints, 5),
        "keypoints_2d": _rows(hand.keypoints_2d, 2),
        "relative_depth": _rows(hand.relative_depth, 4),
        "confidence": _rows(hand.confidence, 3),
        "deviation": _rows(np.sqrt(np.diagonal(hand.covariance, axis1=1, axis2=2)), 5),
        "scale": _number(hand.scale, 5),
        "scale_source": hand.scale_source,
    }


def camera_to_dict(camera: Camera) -> dict[str, Any]:
    """Return a camera as JSON's types."""
    return {
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "width": camera.width,
        "height": camera.height,
        "distortion": list(camera.distortion),
        "model": camera.model,
    }


def _rows(values: np.ndarray, digits: int) -> list[Any]:
    if values.ndim == 1:
        return [_number(float(v), digits) for v in values]
    return [_rows(row, digits) for row in values]


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None

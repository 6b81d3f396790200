"""The commands' options for the estimator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.inference.backends.base import BACKENDS, PRECISIONS
from hand_pose_25d.reconstruction.bone_length_prior import POPULATIONS


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the pose network and what runs it."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--weights", type=Path, metavar="FILE",
        help="pose network: .safetensors, .onnx or .xml (default: the shipped one)",
    )  # fmt: skip
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N (default: auto)")
    group.add_argument("--backend", default="auto", choices=BACKENDS)
    group.add_argument("--precision", default="auto", choices=PRECISIONS)
    group.add_argument(
        "--threads", type=int, default=0, metavar="N", help="CPU threads; 0: the backend's choice"
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
        "--population", choices=POPULATIONS, help="whose hands are seen (default: adult)"
    )
    group.add_argument(
        "--bone-lengths", type=Path, metavar="YAML",
        help="prior or calibration (`hand-pose-25d calibrate`) to take metres from",
    )  # fmt: skip


def estimator_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return HandPoseEstimator's options as the command line has them."""
    return {
        "device": args.device,
        "weights": args.weights,
        "detector": args.detector,
        "detector_threshold": args.detector_threshold,
        "max_hands": args.max_hands,
        "bone_lengths": args.bone_lengths,
        "hand_scale": args.hand_scale,
        "population": args.population,
        "backend": args.backend,
        "precision": args.precision,
        "threads": args.threads,
    }


def make_estimator(args: argparse.Namespace, **options: Any) -> HandPoseEstimator:
    """Make the estimator that the options describe."""
    return HandPoseEstimator(**estimator_options(args), **options)

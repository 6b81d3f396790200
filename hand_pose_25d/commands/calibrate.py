"""Hand-size calibration: measure a person's hand for correct distances, and write a YAML file.

One number measured with a ruler is needed: the length of the flat hand from the wrist's crease to
the tip of the middle finger (--hand-length), or how far the wrist is from the camera in all the
images (--wrist-distance).  Images of the hand in different poses add its proportions.  Give the
file to --bone-lengths, or to the node's parameter bone_lengths.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hand_pose_25d.commands.inputs import add_camera_arguments, count, described_camera
from hand_pose_25d.commands.options import add_estimator_arguments, make_estimator
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.io.outputs import refuse_overwriting
from hand_pose_25d.io.sources import input_files, open_source
from hand_pose_25d.reconstruction.hand_calibration import Calibration, calibrate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?",
        help="video, folder or webcam's number that shows this one hand; may be left out with "
        "--hand-length",
    )  # fmt: skip
    measured = parser.add_mutually_exclusive_group(required=True)
    measured.add_argument("--hand-length", type=float, metavar="M", help="metres")
    measured.add_argument("--wrist-distance", type=float, metavar="M", help="metres")
    parser.add_argument(
        "--side", choices=("left", "right"), help="only images of this handedness count"
    )
    parser.add_argument("--frames", type=count, default=200, metavar="N", help="at most (200)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("hand_calibration.yaml"), help="(%(default)s)"
    )
    add_camera_arguments(parser)
    add_estimator_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.source is None and args.hand_length is None:
        raise ValueError("--wrist-distance needs images: name a video, a folder or a webcam")
    read = [args.camera, args.bone_lengths, args.weights, args.detector]
    read += [] if args.source is None else input_files(args.source)
    refuse_overwriting([args.output], [Path(path) for path in read if path is not None])
    estimator = make_estimator(args)
    prior = estimator.prior
    keypoints = None if args.source is None else _collect(args, estimator)
    found = calibrate(
        keypoints, prior, hand_length=args.hand_length, wrist_distance=args.wrist_distance
    )
    found.save(args.output)
    _report(args, found)
    return 0


def _collect(args: argparse.Namespace, estimator: HandPoseEstimator) -> np.ndarray:
    """Return (F, 21, 3) keypoints of the images that show exactly one hand."""
    source, described = open_source(args.source), described_camera(args)
    poses: list[np.ndarray] = []
    images = 0
    for frame in source.frames:
        if len(poses) == args.frames:
            break
        images += 1
        height, width = frame.image.shape[:2]
        camera = described.camera(width, height, frame.orientation)
        if source.is_video:
            hands = estimator.track(frame.image, camera, frame.stamp)
        else:
            hands = estimator.estimate(frame.image, camera)
        hands = [
            h for h in hands if h.state != "lost" and args.side in (None, h.handedness)
            and np.isfinite(h.keypoints).all()
        ]  # fmt: skip
        if len(hands) == 1:
            poses.append(hands[0].keypoints)
    print(f"{source.title}: one hand in {len(poses)} of {images} images")
    return np.array(poses).reshape(-1, 21, 3)


def _report(args: argparse.Namespace, found: Calibration) -> None:
    print(f"{found.method}")
    print(f"hand length {found.hand_length * 1e3:.0f} mm, {found.scale:.3f} of the average")
    if found.frames == 0:
        print("proportions: the average hand's (too few images to measure them)")
    print(f"{args.output}: give it to --bone-lengths, or to the node's parameter bone_lengths")

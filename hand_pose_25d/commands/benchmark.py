"""Time each part on this machine, and MediaPipe Hands beside it where it is installed.

The figures are medians over a video, in milliseconds: of the parts (with one crop and with two),
and of whole images as `track` works on them.  Compare figures of one run only: another load on the
machine changes all of them.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.commands.inputs import add_camera_arguments, count, described_camera
from hand_pose_25d.commands.options import add_network_arguments
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.landmarks import predict_landmarks, solve
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.io.clips import CLIP
from hand_pose_25d.io.sources import SourceImage, open_source
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior

COMPARED = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("onnxruntime", "auto"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
)
"""Backends and arithmetic of --compare."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", default=str(CLIP), help="video or folder (default: the bundled clip)"
    )
    parser.add_argument("--frames", type=count, default=100, metavar="N", help="default: 100")
    parser.add_argument("--no-mediapipe", action="store_true", help="leave MediaPipe out")
    parser.add_argument(
        "--compare", action="store_true",
        help="instead, the pose network alone by every backend installed, turn by turn",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    add_camera_arguments(parser)
    add_network_arguments(parser)


def run(args: argparse.Namespace) -> int:
    frames = [f for f, _ in zip(open_source(args.source).frames, range(args.frames), strict=False)]
    if not frames:
        raise ValueError(f"{args.source} holds no images")
    height, width = frames[0].image.shape[:2]
    camera = described_camera(args).camera(width, height, frames[0].orientation)
    weights = args.weights or "realtime"
    if args.compare:
        figures = _compare(weights, args.device, args.threads, len(frames))
    else:
        runtime = load_pose_network(
            weights, args.device, args.backend, args.precision, args.threads
        )
        detector = Detector(
            args.device, backend=args.backend, precision=args.precision, threads=args.threads
        )
        print(f"{len(frames)} images of {width} x {height} px, {runtime.name}")
        figures = _parts(frames, camera, runtime, detector)
        figures |= _whole(frames, camera, runtime, detector)
        if not args.no_mediapipe:
            figures |= _mediapipe(frames)
    for name, milliseconds in figures.items():
        print(f"{name:44s} {milliseconds:8.2f} ms")
    if args.json is not None:
        args.json.write_text(json.dumps({"median_ms": figures}) + "\n")
    return 0


def _times(function: Callable[[Any], object], arguments: Sequence[Any]) -> np.ndarray:
    """Return how long each call took in milliseconds; three calls before are not counted."""
    times = []
    for argument in [*arguments[:3], *arguments]:
        start = time.perf_counter()
        function(argument)
        times.append(time.perf_counter() - start)
    return np.array(times[-len(arguments) :]) * 1e3


def _parts(
    frames: list[SourceImage], camera: Camera, runtime: PoseNetwork, detector: Detector
) -> dict[str, float]:
    """Time detector, crop, network and reconstruction by themselves."""
    images = [frame.image for frame in frames]
    prior, size = BoneLengthPrior.default(), runtime.input_size
    side = min(camera.width, camera.height) / 3
    regions = [Region((camera.width * (1 + i) / 3, camera.height / 2), side) for i in range(2)]

    def crop(image: np.ndarray) -> np.ndarray:
        return VirtualCamera.from_region(camera, regions[0], size).sample(image)

    figures = {
        "detector": np.median(_times(detector.detect, images)),
        "crop": np.median(_times(crop, images)),
    }
    for n, hands in ((1, "1 hand"), (2, "2 hands")):
        frame = Frame(images[0], camera)
        landmarks = predict_landmarks(runtime, frame, regions[:n], [False] * n)
        crops = np.array([c.sample(images[0]) for c in landmarks.cameras])
        figures[f"pose network, {hands}"] = np.median(_times(runtime, [crops] * len(frames)))
        times = _times(partial(solve, prior=prior), [landmarks] * len(frames))
        figures[f"reconstruction, {hands}"] = np.median(times)
    return {name: float(figure) for name, figure in figures.items()}


def _whole(
    frames: list[SourceImage], camera: Camera, runtime: PoseNetwork, detector: Detector
) -> dict[str, float]:
    """Time `track`, following at most one and at most two hands."""
    figures = {}
    for most in (1, 2):
        estimator = HandPoseEstimator(network=runtime, detector=detector, max_hands=most)
        seen: list[int] = []

        def track(frame: SourceImage, estimator=estimator, seen=seen) -> None:
            hands = estimator.track(frame.image, camera, frame.stamp)
            seen.append(sum(hand.state != "lost" for hand in hands))

        times = _times(track, frames)
        figures[f"track, max_hands={most}"] = float(np.median(times))
        figures[f"track, max_hands={most}, 95 %"] = float(np.percentile(times, 95))
        logger.info("max_hands=%d: %.2f hands an image", most, np.mean(seen[-len(frames) :]))
    return figures


def _compare(weights: str | Path, device: str, threads: int, rounds: int) -> dict[str, float]:
    """Time the pose network by each backend, one call of each in turn: all bear the same load."""
    runtimes = []
    for backend, precision in COMPARED:
        try:
            runtimes.append(load_pose_network(weights, device, backend, precision, threads))
        except ModuleNotFoundError as error:
            logger.info("%s: %s is not installed, left out", backend, error.name)
    figures = {}
    for n in (1, 2, 8):
        size = runtimes[0].input_size
        crops = np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
        times = np.array([[_times(r, [crops])[0] for r in runtimes] for _ in range(rounds)])
        for runtime, median in zip(runtimes, np.median(times, axis=0), strict=True):
            figures[f"{n} crop{'s' * (n > 1)}, {runtime.name}"] = float(median)
    return figures


def _mediapipe(frames: list[SourceImage]) -> dict[str, float]:
    """Time MediaPipe Hands on the same images, in its mode for videos."""
    try:
        import mediapipe
    except ImportError:
        logger.info(
            "MediaPipe is not installed (pip install --no-deps mediapipe==0.10.21): left out"
        )
        return {}
    images = [frame.image for frame in frames]
    figures = {}
    for complexity, model in ((1, "full"), (0, "lite")):
        for most in (1, 2):
            name = f"MediaPipe {model}, max_num_hands={most}"
            with mediapipe.solutions.hands.Hands(
                model_complexity=complexity, max_num_hands=most
            ) as hands:
                figures[name] = float(np.median(_times(hands.process, images)))
    return figures

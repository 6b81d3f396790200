"""Time measurement for `hand-pose-25d benchmark`: contenders in turn, parts, load beside them."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.backends.devices import cpu_has_bfloat16, cpu_has_int8, pick_device
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.landmarks import predict_landmarks
from hand_pose_25d.inference.metric_poses import solve
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.io.packages import advice
from hand_pose_25d.io.sources import SourceImage
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior

MEDIAPIPE = "MediaPipe Hands, full"
COMPARED = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("onnxruntime", "float32"),
    ("onnxruntime", "int8"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
)
"""Backends and arithmetic of --compare."""

logger = logging.getLogger(__name__)


@dataclass
class Contender:
    """Something that follows at most `max_hands` hands through a video, and what it took."""

    name: str
    max_hands: int
    follow: Callable[[SourceImage], int]
    """Work on one image; return the number of hands seen."""
    times: list[float] = field(default_factory=list)
    """Milliseconds of each image."""
    hands: list[int] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        """Return median, percentiles and worst in milliseconds, and hands an image."""
        p50, p95, p99 = np.percentile(self.times, (50, 95, 99))
        return {
            "median": float(p50),
            "p95": float(p95),
            "p99": float(p99),
            "worst": float(max(self.times)),
            "hands": float(np.mean(self.hands)),
        }


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep so many processes busy meanwhile, as the other programs of a robot's computer are."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def ours(network: PoseNetwork, detector: Detector, camera: Camera, most: int) -> Contender:
    """Return our estimator as a contender, its networks warm."""
    estimator = HandPoseEstimator(network=network, detector=detector, max_hands=most)

    def follow(frame: SourceImage) -> int:
        hands = estimator.track(frame.image, camera, frame.stamp)
        return sum(hand.state != "lost" for hand in hands)

    return Contender("hand_pose_25d", most, follow)


@contextmanager
def mediapipe_contenders(most: Sequence[int]) -> Iterator[list[Contender]]:
    """Give MediaPipe Hands, full, in its mode for videos; none where it is not installed."""
    try:
        import mediapipe
    except ImportError:
        logger.warning("MediaPipe is not installed (%s): ours runs alone", advice("mediapipe"))
        yield []
        return
    made = [
        mediapipe.solutions.hands.Hands(model_complexity=1, max_num_hands=count) for count in most
    ]

    def follow(frame: SourceImage, hands: Any) -> int:
        return len(hands.process(frame.image).multi_hand_landmarks or ())

    try:
        yield [
            Contender(MEDIAPIPE, count, partial(follow, hands=hands))
            for count, hands in zip(most, made, strict=True)
        ]
    finally:
        for hands in made:
            hands.close()


def in_turn(contenders: Sequence[Contender], frames: Sequence[SourceImage]) -> None:
    """Let all work on an image before the next one, each image's first one another."""
    for number, frame in enumerate(tqdm(frames, unit="image", desc="track", mininterval=1)):
        for shift in range(len(contenders)):
            contender = contenders[(number + shift) % len(contenders)]
            start = time.perf_counter()
            seen = contender.follow(frame)
            contender.times.append((time.perf_counter() - start) * 1e3)
            contender.hands.append(seen)


def warm_up(network: PoseNetwork, detector: Detector, frames: Sequence[SourceImage]) -> None:
    """Let every network run once: the first pass prepares memory."""
    for size in (1, 2, 4):
        network(np.zeros((size, network.input_size, network.input_size, 3), np.uint8))
    detector.detect(frames[0].image)


def parts(
    frames: Sequence[SourceImage], camera: Camera, network: PoseNetwork, detector: Detector
) -> dict[str, float]:
    """Return medians, milliseconds, of detector, crop, network and reconstruction alone."""
    images = [frame.image for frame in frames]
    prior, size = BoneLengthPrior.default(), network.input_size
    side = min(camera.width, camera.height) / 3
    regions = [Region((camera.width * (1 + i) / 3, camera.height / 2), side) for i in range(2)]

    def crop(image: np.ndarray) -> np.ndarray:
        return VirtualCamera.from_region(camera, regions[0], size).sample(image)

    figures = {
        "detector": _median("detector", detector.detect, images),
        "crop": _median("crop", crop, images),
    }
    for n, hands in ((1, "1 hand"), (2, "2 hands")):
        landmarks = predict_landmarks(network, Frame(images[0], camera), regions[:n], [False] * n)
        crops = np.array([c.sample(images[0]) for c in landmarks.cameras])
        for name, function, argument in (
            (f"pose network, {hands}", network, crops),
            (f"reconstruction, {hands}", partial(solve, prior=prior), landmarks),
        ):
            figures[name] = _median(name, function, [argument] * len(frames))
    return figures


def compare(
    weights: Any, detector_weights: Any, device: str, threads: int, rounds: int
) -> dict[str, float]:
    """Time both networks by each backend, one call of each in turn: all bear the same load.

    Combinations whose package is missing, or whose arithmetic the CPU lacks, are left out.
    """
    calls: dict[str, Callable[[], object]] = {}
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    on_cpu = pick_device(device) == "cpu"
    has = {"bfloat16": cpu_has_bfloat16(), "int8": cpu_has_int8()}
    for backend, precision in COMPARED:
        if on_cpu and not has.get(precision, True):
            logger.warning("%s %s: this CPU has no %s, left out", backend, precision, precision)
            continue
        options = {"backend": backend, "precision": precision, "threads": threads}
        try:
            network = load_pose_network(weights, device, **options)  # type: ignore[arg-type]
            detector = Detector(device, detector_weights, **options)  # type: ignore[arg-type]
        except ModuleNotFoundError as error:
            logger.warning("%s: %s is not installed, left out", backend, error.name)
            continue
        except ValueError as error:
            if precision != "int8":
                raise
            logger.warning("left out: %s", error)
            continue
        size = network.input_size
        for n in (1, 2, 4):
            crops = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
            calls[f"{n} crop{'s' * (n > 1)}, {network.name}"] = partial(network, crops)
        calls[f"detector, {detector.name}"] = partial(detector.detect, image)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in tqdm(range(rounds + 1), unit="round", desc="backends", mininterval=1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if number:  # the first round prepares memory
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: float(np.median(times[name])) for name in sorted(times)}


def _median(name: str, function: Callable[[Any], object], arguments: Sequence[Any]) -> float:
    """Return a call's median time in milliseconds; three calls before are not counted."""
    times = []
    for argument in tqdm([*arguments[:3], *arguments], desc=name, leave=False, mininterval=1):
        start = time.perf_counter()
        function(argument)
        times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times[-len(arguments) :]))

"""`hand-pose-25d evaluate detection`: how well hands are found in whole images.

AP50 and recall at 1 false positive in 100 images, on held-out rendered scenes and on photographs
against boxes around MediaPipe's keypoints; beside them the correct handedness, the errors of
the in-plane rotation, and the same by MediaPipe Hands where that is asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hand_pose_25d.geometry.roi import Region, hand_angle
from hand_pose_25d.inference.detector import DEFAULT_THRESHOLD, Detection, Detector
from hand_pose_25d_train.evaluation.project.average_precision import (
    DetectionSummary,
    ImageResult,
    match_image,
    summarize_detections,
)
from hand_pose_25d_train.evaluation.project.labelled_images import (
    ImageTruth,
    LabelledImage,
    empty_images,
    photo_images,
    rendered_images,
)
from hand_pose_25d_train.labelling.photo_folder import photo_folder

LOWEST_SCORE = 0.02
"""Detections below it do not count, even for the precision-recall curve."""
SIZE_CLASSES = ((0.0, 0.1, "small"), (0.1, 0.3, "medium"), (0.3, 9.0, "large"))
"""By the box's longer side over the image's."""

FindHands = Callable[[np.ndarray], list[Detection]]


@dataclass
class Tally:
    """What is collected over a set of images."""

    results: list[ImageResult] = field(default_factory=list)
    handedness: list[bool] = field(default_factory=list)
    """Of the hands found: whether the handedness is correct."""
    angles: list[float] = field(default_factory=list)
    """Absolute errors of the in-plane rotation, degrees."""
    centers: list[float] = field(default_factory=list)
    """Distances of the regions' centres, in region sizes."""
    sizes: dict[str, list[bool]] = field(default_factory=dict)
    """By size class: was the hand found at the detector's threshold?"""

    def __iadd__(self, other: Tally) -> Tally:
        """Take in what was collected over other images."""
        self.results += other.results
        self.handedness += other.handedness
        self.angles += other.angles
        self.centers += other.centers
        for name, found in other.sizes.items():
            self.sizes[name] = self.sizes.get(name, []) + found
        return self

    @property
    def summary(self) -> DetectionSummary:
        """AP50 and the recalls."""
        return summarize_detections(self.results, DEFAULT_THRESHOLD)


def evaluate_detection(find: FindHands, images: Iterable[LabelledImage]) -> Tally:
    """Run a detector over labelled images."""
    tally = Tally()
    for image, truths in images:
        found = find(image)
        boxes = np.array([d.box for d in found]).reshape(-1, 4)
        result = match_image(
            boxes,
            np.array([d.score for d in found]),
            np.array([t.box for t in truths]).reshape(-1, 4),
            np.array([t.asked for t in truths], bool),
        )
        tally.results.append(result)
        by_truth = {int(t): found[d] for d, t in enumerate(result.matched) if t >= 0}
        for index, truth in enumerate(truths):
            if truth.asked:
                _compare(tally, truth, by_truth.get(index), image.shape)
    return tally


def _compare(
    tally: Tally, truth: ImageTruth, found: Detection | None, shape: tuple[int, ...]
) -> None:
    """Add one hand that is there, and what was found of it."""
    share = max(truth.box[2:]) / max(shape[:2])
    name = next(n for low, high, n in SIZE_CLASSES if low <= share < high)
    there = found is not None and found.score >= DEFAULT_THRESHOLD
    tally.sizes.setdefault(name, []).append(there)
    if found is None or not there:
        return
    if np.isfinite(found.p_right):
        tally.handedness.append((found.p_right >= 0.5) == truth.is_right)
    if np.isfinite(found.angle):
        error = found.angle - hand_angle(truth.uv)
        tally.angles.append(abs(float(np.degrees(np.angle(np.exp(1j * error))))))
        region = Region.from_keypoints(truth.uv)
        distance = np.subtract(found.region().center, region.center)
        tally.centers.append(float(np.hypot(*distance)) / region.size)


def mediapipe_finder(max_hands: int = 4, confidence: float = 0.3) -> FindHands:
    """Return MediaPipe Hands as a detector: boxes around its keypoints.

    Its palm score is not given out; the score is that of its handedness.
    """
    from hand_pose_25d_train.labelling.mediapipe_hands import Teacher

    teacher = Teacher(max_hands, confidence)

    def find(image: np.ndarray) -> list[Detection]:
        hands = teacher(image)
        return [
            Detection(
                ImageTruth(h.uv, h.is_right).box, h.score, float(h.is_right), hand_angle(h.uv),
                Region.from_keypoints(h.uv),
            )
            for h in hands
        ]  # fmt: skip

    return find


def detection_row(name: str, tally: Tally) -> str:
    """Format one line of the table."""
    s = tally.summary
    handedness = 100 * float(np.mean(tally.handedness)) if tally.handedness else float("nan")
    angle = float(np.median(tally.angles)) if tally.angles else float("nan")
    center = 100 * float(np.median(tally.centers)) if tally.centers else float("nan")
    recalls = " ".join(
        f"{100 * np.mean(tally.sizes[n]):.0f}/{len(tally.sizes[n])}" if n in tally.sizes else "-"
        for _, _, n in SIZE_CLASSES
    )
    return (
        f"| {name} | {s.images} | {s.hands} | {100 * s.ap50:.1f} | {100 * s.recall:.1f} "
        f"(at {s.threshold:.2f}) | {100 * s.recall_at_default:.1f} "
        f"| {s.false_positives_at_default:.3f} "
        f"| {100 * s.best_f1:.1f} (at {s.best_threshold:.2f}) | {recalls} "
        f"| {handedness:.1f} | {angle:.1f} | {center:.1f} |"
    )


DETECTION_HEADER = (
    "| set | images | hands | AP50 % | recall % at 1 false positive in 100 images "
    f"| recall % at {DEFAULT_THRESHOLD} | false positives an image at {DEFAULT_THRESHOLD} "
    "| best F1 % | recall % / hands: small, medium, large | handedness correct % "
    "| angle error, median deg | centre error, median % |\n" + "|---" * 12 + "|"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--weights", default="detector", help="shipped name or .safetensors file")
    parser.add_argument("--renders", type=Path, nargs="*", default=[], help="rendered scenes")
    parser.add_argument(
        "--photos", type=photo_folder, nargs="*", default=[], metavar="DIR=NPZ",
        help="photographs and their label file",
    )  # fmt: skip
    parser.add_argument(
        "--empty", type=Path, nargs="*", default=[], help="folders of photographs without hands"
    )
    parser.add_argument("--sizes", type=int, nargs="+", help="the detector's input sides")
    parser.add_argument("--limit", type=int, default=1000, help="images of each set, at most")
    parser.add_argument("--mediapipe", action="store_true",
                        help="also evaluate MediaPipe Hands")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    sets: list[tuple[str, Callable[..., Iterator[LabelledImage]], tuple[Path, ...]]] = []
    sets += [(f"renders {folder.name}", rendered_images, (folder,)) for folder in args.renders]
    sets += [(folder.name, photo_images, (folder, labels)) for folder, labels in args.photos]
    sets += [(f"empty {folder.name}", empty_images, (folder,)) for folder in args.empty]
    if not sets:
        raise ValueError("nothing to evaluate on: give --renders, --photos or --empty")
    detector = Detector("auto", args.weights, LOWEST_SCORE, args.sizes)
    finders: list[tuple[str, FindHands]] = [("", detector.detect)]
    if args.mediapipe:
        finders.append((", MediaPipe", mediapipe_finder()))
    print(DETECTION_HEADER)
    for suffix, find in finders:
        photographs = Tally()
        for name, images, paths in sets:
            tally = evaluate_detection(find, images(*paths, args.limit))
            print(detection_row(name + suffix, tally), flush=True)
            if images is not rendered_images:
                photographs += tally
        if len(sets) > 1 and photographs.results:
            print(detection_row("all photographs" + suffix, photographs), flush=True)
    return 0

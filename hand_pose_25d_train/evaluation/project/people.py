"""`hand-pose-25d evaluate people`: hands of people in photographs, boxed by hand.

The boxes (datasets/marks/people_boxes.yaml) are of photographs of the IATI D-Portal (CC0), which
are not in the package: streets, markets, schools; hands at work, most of them small.  A detection
is correct where its middle lies in a box and its size is about the box's.  Not every
hand in a crowd has a box: the false positives, all other detections, are in part hands without.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.geometry.boxes import Box
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.inference.detector import DEFAULT_THRESHOLD, Detector
from hand_pose_25d_train.datasets.people import people_photos
from hand_pose_25d_train.evaluation.project.detection import FindHands, mediapipe_finder

BOXES = Path(__file__).resolve().parents[2] / "datasets" / "marks" / "people_boxes.yaml"
AROUND = 0.2
"""A middle may lie outside the box by this share of its sides."""
_SIZES = (0.4, 2.5)
"""Longer side over that of the box."""
_MAX_HANDS = 6

FindBoxes = Callable[[np.ndarray], list[Box]]
"""(H, W, 3) uint8 RGB -> x, y, w, h of each hand, pixels."""


@dataclass
class Count:
    """What was found."""

    boxed: int = 0
    found: int = 0
    false_positives: int = 0

    def add(self, boxes: list[Box], detections: list[Box]) -> None:
        """Count one photograph's."""
        hits = [next((i for i, box in enumerate(boxes) if fits(box, d)), -1) for d in detections]
        self.boxed += len(boxes)
        self.found += len({i for i in hits if i >= 0})
        self.false_positives += hits.count(-1)


def fits(box: Box, detection: Box) -> bool:
    """Tell whether a detection is of a boxed hand; both x, y, w, h."""
    middle = (detection[0] + detection[2] / 2, detection[1] + detection[3] / 2)
    near = all(
        box[i] - AROUND * box[i + 2] <= middle[i] <= box[i] + (1 + AROUND) * box[i + 2]
        for i in (0, 1)
    )
    return near and _SIZES[0] < max(detection[2:]) / max(box[2:]) < _SIZES[1]


def boxed_photos(folder: Path, file: Path = BOXES) -> Iterator[tuple[np.ndarray, list[Box]]]:
    """Yield the photographs (H, W, 3) RGB, as large as when they were boxed, and their boxes.

    Raises FileNotFoundError where one is missing, ValueError where it is no image.
    """
    for image, scale, boxes in people_photos(folder, file):
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        yield image, [(x, y, right - x, bottom - y) for x, y, right, bottom in boxes]


def detector_finder(find: FindHands) -> FindBoxes:
    """Return a detector as a finder."""
    return lambda image: [found.box for found in find(image)]


def estimator_finder(estimator: HandPoseEstimator) -> FindBoxes:
    """Return the whole chain as a finder."""

    def find(image: np.ndarray) -> list[Box]:
        height, width = image.shape[:2]
        camera = Camera(width, width, (width - 1) / 2, (height - 1) / 2, width, height)
        return [hand.box for hand in estimator.estimate(image, camera)]

    return find


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--photos", type=Path, required=True, help="folder of the photographs")
    parser.add_argument("--boxes", type=Path, default=BOXES, help="YAML file of their boxes")
    parser.add_argument("--weights", default="accurate", help="pose network: a name or a file")
    parser.add_argument("--detector", nargs="+", default=["detector"], help="names or files")
    parser.add_argument("--threshold", type=float, nargs="+", default=[DEFAULT_THRESHOLD],
                        help="the detector's")  # fmt: skip
    parser.add_argument("--mediapipe", action="store_true",
                        help="also evaluate MediaPipe Hands")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    finders: list[tuple[str, FindBoxes]] = []
    for name in args.detector:
        for threshold in args.threshold:
            detector = Detector("auto", name, threshold)
            whole = HandPoseEstimator(
                weights=args.weights, detector=detector, max_hands=_MAX_HANDS
            )
            label = f"{Path(name).stem} at {threshold:.2f}"
            finders.append((label, detector_finder(detector.detect)))
            finders.append((f"{label}, with the pose network", estimator_finder(whole)))
    for confidence in (0.3, 0.5) if args.mediapipe else ():
        teacher = mediapipe_finder(_MAX_HANDS, confidence)
        finders.append((f"MediaPipe Hands at {confidence:.2f}", detector_finder(teacher)))
    photos = list(boxed_photos(args.photos, args.boxes))
    print("| | found | of | false positives |\n|---|---|---|---|")
    for label, find in finders:
        count = Count()
        for image, boxes in photos:
            count.add(boxes, find(image))
        print(f"| {label} | {count.found} | {count.boxed} | {count.false_positives} |", flush=True)
    return 0

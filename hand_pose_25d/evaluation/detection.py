"""`hand-pose-25d evaluate detection`: how well hands are found in whole images.

AP50 and recall at 1 false alarm in 100 images, on held-out rendered scenes and on photographs
against boxes around MediaPipe's keypoints; beside them the sides told right, the angles, and the
same by MediaPipe Hands where that is asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.detector import Detection, Detector
from hand_pose_25d.evaluation.average_precision import (
    DetectionSummary,
    ImageResult,
    match_image,
    summarize,
)
from hand_pose_25d.region import Region, hand_angle

LOWEST_SCORE = 0.02
"""Detections below it are not looked at, even for the precision-recall curve."""
SMALLEST_BOX = 20.0 / 640
"""Longer side of a box, over the image's, below which a hand is not asked for."""
MOSTLY_HIDDEN = 0.35
SIZE_CLASSES = ((0.0, 0.1, "small"), (0.1, 0.3, "medium"), (0.3, 9.0, "large"))
"""By the box's longer side over the image's."""

FindHands = Callable[[np.ndarray], list[Detection]]


@dataclass
class Truth:
    """One hand that is there."""

    uv: np.ndarray
    """(21, 2) px."""
    is_right: bool
    asked: bool = True
    """Large enough, in the image and not mostly hidden."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, w, h around the keypoints."""
        low, high = self.uv.min(axis=0), self.uv.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


LabelledImage = tuple[np.ndarray, list[Truth]]


@dataclass
class Tally:
    """What is collected over a set of images."""

    results: list[ImageResult] = field(default_factory=list)
    sides: list[bool] = field(default_factory=list)
    """Of the hands found: told right from left correctly?"""
    angles: list[float] = field(default_factory=list)
    """Absolute errors, degrees."""
    centers: list[float] = field(default_factory=list)
    """Distances of the regions' centres, in region sizes."""
    sizes: dict[str, list[bool]] = field(default_factory=dict)
    """By size class: was the hand found at the detector's threshold?"""

    def __iadd__(self, other: Tally) -> Tally:
        """Take in what was collected over other images."""
        self.results += other.results
        self.sides += other.sides
        self.angles += other.angles
        self.centers += other.centers
        for name, found in other.sizes.items():
            self.sizes[name] = self.sizes.get(name, []) + found
        return self

    @property
    def summary(self) -> DetectionSummary:
        """AP50 and the recalls."""
        return summarize(self.results)


def truth_of(uv: np.ndarray, is_right: bool, shape: tuple[int, ...], visible: float) -> Truth:
    """Make the truth of one hand and decide whether it must be found."""
    height, width = shape[:2]
    truth = Truth(np.asarray(uv, np.float64), is_right)
    palm = (truth.uv[0] + truth.uv[[5, 9, 13, 17]].mean(axis=0)) / 2
    inside = bool(((palm >= 0) & (palm <= (width - 1, height - 1))).all())
    large = max(truth.box[2:]) >= SMALLEST_BOX * max(width, height)
    truth.asked = inside and large and visible >= MOSTLY_HIDDEN
    return truth


def rendered_images(folder: Path, limit: int) -> Iterator[LabelledImage]:
    """Yield the scenes of a folder of rendered ones."""
    from hand_pose_25d.training.detector_renders import RenderFolder

    scenes = RenderFolder(folder)
    for index in range(min(len(scenes), limit)):
        scene = scenes[index]
        yield (
            scene.image,
            [truth_of(h.uv, h.is_right, scene.image.shape, h.visible) for h in scene.hands],
        )


def photo_images(folder: Path, labels: Path, limit: int) -> Iterator[LabelledImage]:
    """Yield the held-out photographs of a `label` file."""
    from hand_pose_25d.data.photos import load_photos

    for photo in load_photos(folder, labels, True)[:limit]:
        yield photo.image, [truth_of(photo.uv, photo.is_right, photo.image.shape, 1.0)]


def empty_images(folder: Path, limit: int) -> Iterator[LabelledImage]:
    """Yield photographs without hands.  Raises FileNotFoundError where there are none."""
    suffixes = {".jpg", ".jpeg", ".png"}
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes)[:limit]
    if not paths:
        raise FileNotFoundError(f"no photographs (.jpg, .jpeg, .png) in {folder}")
    for path in paths:
        image = cv2.imread(str(path))
        if image is not None:
            scale = min(1.0, 640 / max(image.shape[:2]))
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            yield cv2.cvtColor(small, cv2.COLOR_BGR2RGB), []


def evaluate(find: FindHands, images: Iterable[LabelledImage], threshold: float = 0.5) -> Tally:
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
                _compare(tally, truth, by_truth.get(index), image.shape, threshold)
    return tally


def _compare(
    tally: Tally, truth: Truth, found: Detection | None, shape: tuple[int, ...], threshold: float
) -> None:
    """Add one hand that is there, and what was found of it."""
    share = max(truth.box[2:]) / max(shape[:2])
    name = next(n for low, high, n in SIZE_CLASSES if low <= share < high)
    there = found is not None and found.score >= threshold
    tally.sizes.setdefault(name, []).append(there)
    if found is None or not there:
        return
    if np.isfinite(found.right_probability):
        tally.sides.append((found.right_probability >= 0.5) == truth.is_right)
    if np.isfinite(found.angle):
        turn = found.angle - hand_angle(truth.uv)
        tally.angles.append(abs(float(np.degrees(np.angle(np.exp(1j * turn))))))
        region = Region.from_keypoints(truth.uv)
        distance = np.subtract(found.region().center, region.center)
        tally.centers.append(float(np.hypot(*distance)) / region.size)


def mediapipe_finder(max_hands: int = 4, confidence: float = 0.3) -> FindHands:
    """Return MediaPipe Hands as a detector: boxes around its keypoints.

    Its palm score is not given out; the score is that of its handedness.
    """
    from hand_pose_25d.training.label_command import Teacher

    teacher = Teacher(max_hands, confidence)

    def find(image: np.ndarray) -> list[Detection]:
        hands = teacher(image)
        return [
            Detection(
                Truth(h.uv, h.is_right).box, h.score, float(h.is_right), hand_angle(h.uv),
                Region.from_keypoints(h.uv),
            )
            for h in hands
        ]  # fmt: skip

    return find


def row(name: str, tally: Tally) -> str:
    """Format one line of the table."""
    s = tally.summary
    sides = 100 * float(np.mean(tally.sides)) if tally.sides else float("nan")
    angle = float(np.median(tally.angles)) if tally.angles else float("nan")
    center = 100 * float(np.median(tally.centers)) if tally.centers else float("nan")
    recalls = " ".join(
        f"{100 * np.mean(tally.sizes[n]):.0f}/{len(tally.sizes[n])}" if n in tally.sizes else "-"
        for _, _, n in SIZE_CLASSES
    )
    return (
        f"| {name} | {s.images} | {s.hands} | {100 * s.ap50:.1f} | {100 * s.recall:.1f} "
        f"(at {s.threshold:.2f}) | {100 * s.recall_at_default:.1f} | {s.alarms_at_default:.3f} "
        f"| {recalls} | {sides:.1f} | {angle:.1f} | {center:.1f} |"
    )


HEADER = (
    "| set | images | hands | AP50 % | recall % at 1 false alarm in 100 images | recall % at 0.5 "
    "| false alarms an image at 0.5 | recall % / hands: small, medium, large | side right % "
    "| angle error, median deg | centre error, median % |\n" + "|---" * 11 + "|"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--weights", default="detector", help="shipped name or .safetensors file")
    parser.add_argument("--renders", type=Path, nargs="*", default=[], help="rendered scenes")
    parser.add_argument(
        "--photos",
        type=Path,
        nargs=2,
        action="append",
        default=[],
        metavar=("FOLDER", "LABELS"),
        help="photographs and their label file",
    )
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
    print(HEADER)
    for suffix, find in finders:
        photographs = Tally()
        for name, images, paths in sets:
            tally = evaluate(find, images(*paths, args.limit))
            print(row(name + suffix, tally), flush=True)
            if images is not rendered_images:
                photographs += tally
        if len(sets) > 1 and photographs.results:
            print(row("all photographs" + suffix, photographs), flush=True)
    return 0

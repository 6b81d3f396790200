"""`evaluate boxes --photos`: hands found in whole photographs of held-out people and places.

The truth is what `label --consensus` made of them: labelled hands and boxes that surely hold one;
boxes in doubt neither ask for an answer nor forbid one.  An answer is one hand's where its middle
lies about the hand's box and its size is about the box's (`people.fits`); each hand has one.
Distances are to keypoints marked by hand (datasets/marks/photo_hands.yaml).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.geometry.boxes import Box, box_around
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d_train.datasets.archives import load_arrays
from hand_pose_25d_train.datasets.backgrounds import read_rgb
from hand_pose_25d_train.datasets.held_out import held_out
from hand_pose_25d_train.datasets.photos import FOCAL_OVER_SIDE
from hand_pose_25d_train.evaluation.project.people import fits

MARKS = Path(__file__).resolve().parents[2] / "datasets" / "marks" / "photo_hands.yaml"
SMALL = 0.1
"""Longer side of a box over the image's below which a hand is small."""
MOST_HANDS = 4


@dataclass(frozen=True)
class Answer:
    """One hand as the estimator or MediaPipe answers it."""

    uv: np.ndarray
    """(21, 2) pixels."""
    is_right: bool
    handedness_score: float

    @property
    def box(self) -> Box:
        """(x, y, w, h) around the keypoints."""
        return box_around(self.uv)


AnswerHands = Callable[[np.ndarray], list[Answer]]
"""(H, W, 3) uint8 RGB -> the hands found."""


@dataclass(frozen=True)
class PhotoTruth:
    """What is known of one photograph."""

    name: str
    image: np.ndarray
    hands: list[Box]
    """x, y, w, h of hands that are to be found."""
    doubtful: list[Box]
    marks: list[np.ndarray]
    """(21, 2) pixels marked by hand."""
    right: list[bool | None]
    """Of `hands`: a right one; None where it is not known."""


@dataclass
class PhotoCount:
    """What was found, in a number of photographs."""

    images: int = 0
    hands: int = 0
    found: int = 0
    small: int = 0
    small_found: int = 0
    beside: int = 0
    handedness: list[bool] = field(default_factory=list)
    """Of hands found whose handedness is known: correct."""
    sure_handedness: list[bool] = field(default_factory=list)
    """The same, of those whose handedness score is above 0.95."""
    distances: list[float] = field(default_factory=list)
    """Mean distance to the marks, % of the longer side of their box; of marked hands found."""
    marked: int = 0

    def __iadd__(self, other: PhotoCount) -> PhotoCount:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    def add(self, truth: PhotoTruth, answers: list[Answer]) -> None:
        """Count one photograph's."""
        boxes = [answer.box for answer in answers]
        of_hand = matched(truth.hands, boxes)
        self.images += 1
        self.hands += len(truth.hands)
        self.found += len(of_hand)
        small = [max(b[2:]) < SMALL * max(truth.image.shape[:2]) for b in truth.hands]
        self.small += sum(small)
        self.small_found += sum(small[i] for i in of_hand)
        for i, j in of_hand.items():
            if truth.right[i] is not None:
                correct = answers[j].is_right == truth.right[i]
                self.handedness.append(correct)
                if answers[j].handedness_score > 0.95:
                    self.sure_handedness.append(correct)
        left = set(range(len(answers))) - set(of_hand.values())
        self.beside += sum(not any(fits(b, boxes[j]) for b in truth.doubtful) for j in left)
        self.marked += len(truth.marks)
        of_mark = matched([box_around(uv) for uv in truth.marks], boxes)
        for i, j in of_mark.items():
            distance = np.linalg.norm(answers[j].uv - truth.marks[i], axis=-1)
            side = max(box_around(truth.marks[i])[2:])
            self.distances.append(100 * float(np.nanmean(distance)) / side)

    def row(self) -> str:
        """Return the figures as cells of a table."""
        cells = [
            f"{self.images}",
            f"{_percent(self.found, self.hands)} of {self.hands}",
            f"{_percent(self.small_found, self.small)} of {self.small}",
            f"{self.beside / max(self.images, 1):.3f}",
            f"{_percent(sum(self.handedness), len(self.handedness))}",
            f"{_percent(sum(self.sure_handedness), len(self.sure_handedness))} of "
            f"{len(self.sure_handedness)}",
            f"{len(self.distances)} of {self.marked}",
            f"{np.median(self.distances):.1f}" if self.distances else "-",
            f"{np.mean(self.distances):.1f}" if self.distances else "-",
        ]
        return " | ".join(cells)


HEADER = (
    "| set | | images | found %, of hands | of small hands | answers beside hands, an image "
    "| handedness correct % | of those above 0.95 | marked hands found | 2D median, % of the box "
    "| mean |\n" + "|---" * 11 + "|"
)


def matched(hands: list[Box], answers: list[Box]) -> dict[int, int]:
    """Give each hand's box an answer that fits it, nearest first: {hand: answer}."""
    pairs = sorted(
        (_apart(hand, answer), i, j)
        for i, hand in enumerate(hands)
        for j, answer in enumerate(answers)
        if fits(hand, answer)
    )
    found: dict[int, int] = {}
    for _, i, j in pairs:
        if i not in found and j not in found.values():
            found[i] = j
    return found


def _apart(a: Box, b: Box) -> float:
    across, down = (a[i] + a[i + 2] / 2 - b[i] - b[i + 2] / 2 for i in (0, 1))
    return float(np.hypot(across, down)) / max(a[2:])


def photo_truths(
    folder: Path, labels: Path, every: bool = False, file: Path = MARKS
) -> Iterator[PhotoTruth]:
    """Yield the held-out photographs of a folder (`every`: all) with what is known of them.

    Raises FileNotFoundError where one is missing, ValueError where the labels have no boxes.
    """
    table = load_arrays(labels)
    if "photographs" not in table:
        raise ValueError(f"{labels} has no boxes: only `label --consensus` writes them")
    names = [str(name) for name in table["photographs"]]
    chosen = held_out(folder.name, names) | every
    marks = marked_hands(folder.name, file)
    for name in np.array(names)[chosen].tolist():
        image = read_rgb(folder / name)
        if image is None:
            raise FileNotFoundError(f"cannot read {folder / name}, named in {labels}")
        rows = np.flatnonzero(table["names"] == name)
        others = np.flatnonzero(table["box_names"] == name)
        certain = [tuple(table["boxes"][i]) for i in others if table["box_certain"][i]]
        labelled = [box_around(table["uv"][i].astype(float)) for i in rows]
        yield PhotoTruth(
            name,
            image,
            labelled + certain,
            [tuple(table["boxes"][i]) for i in others if not table["box_certain"][i]],
            marks.get(name, []),
            [bool(table["is_right"][i]) for i in rows] + [None] * len(certain),
        )


def marked_hands(folder: str, file: Path = MARKS) -> dict[str, list[np.ndarray]]:
    """Read the hands marked in a folder's photographs: name -> (21, 2) pixels each, NaN unseen."""
    document: dict[str, Any] = read_yaml(file) if file.is_file() else {}
    return {
        name: [np.array(hand["uv"], dtype=np.float64) for hand in hands]
        for name, hands in (document.get(folder) or {}).items()
    }


def estimator_answers(estimator: HandPoseEstimator) -> AnswerHands:
    """Return the whole chain, for photographs without intrinsics."""

    def answer(image: np.ndarray) -> list[Answer]:
        height, width = image.shape[:2]
        focal = FOCAL_OVER_SIDE * max(height, width)
        camera = Camera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
        return [
            Answer(hand.keypoints_2d, hand.handedness == "right", hand.handedness_score)
            for hand in estimator.estimate(image, camera)
        ]

    return answer


def mediapipe_answers(confidence: float) -> AnswerHands:
    """Return MediaPipe Hands, up to four hands."""
    from hand_pose_25d_train.labelling.mediapipe_hands import Teacher

    teacher = Teacher(MOST_HANDS, confidence)
    return lambda image: [Answer(hand.uv, hand.is_right, hand.score) for hand in teacher(image)]


def print_photo_table(
    photos: list[tuple[Path, Path]],
    estimators: Mapping[str, HandPoseEstimator],
    mediapipe: bool,
    every: bool,
) -> None:
    """Print a row for each set and each way to find hands, and one for all sets."""
    ways = {name: estimator_answers(estimator) for name, estimator in estimators.items()}
    for confidence in (0.3, 0.5) if mediapipe else ():
        ways[f"MediaPipe Hands at {confidence}"] = mediapipe_answers(confidence)
    totals = {way: PhotoCount() for way in ways}
    print(HEADER)
    for folder, labels in photos:
        counts = {way: PhotoCount() for way in ways}
        for truth in photo_truths(folder, labels, every):
            for way, answer in ways.items():
                counts[way].add(truth, answer(truth.image))
        for way, count in counts.items():
            totals[way] += count
            print(f"| {folder.name} | {way} | {count.row()} |", flush=True)
    for way, count in totals.items():
        print(f"| all | {way} | {count.row()} |")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"

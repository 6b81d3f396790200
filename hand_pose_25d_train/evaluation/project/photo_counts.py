"""What is counted of answers to whole photographs, for `evaluate boxes --photos`.

An answer is one hand's where its middle lies about the hand's box and its size is about the box's
(`people.fits`); each hand has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from hand_pose_25d.geometry.boxes import Box, box_around, box_iou
from hand_pose_25d_train.evaluation.project.people import fits

SMALL = 0.1
"""Longer side of a box over the image's below which a hand is small."""


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
    pairs: int = 0
    """Two hands whose boxes overlap, in one photograph."""
    pairs_found: int = 0
    """Both of them."""
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
        pairs = touching_pairs(truth.hands)
        self.pairs += len(pairs)
        self.pairs_found += sum(i in of_hand and j in of_hand for i, j in pairs)
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
            f"{self.pairs_found} of {self.pairs}",
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
    "| set | | images | found %, of hands | of small hands | both of touching pairs "
    "| answers beside hands, an image | handedness correct % | of those above 0.95 "
    "| marked hands found | 2D median, % of the box | mean |\n" + "|---" * 12 + "|"
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


def touching_pairs(hands: list[Box]) -> list[tuple[int, int]]:
    """Return the pairs of hands whose boxes overlap."""
    overlap = box_iou(np.array(hands).reshape(-1, 4), np.array(hands).reshape(-1, 4))
    return [(i, j) for i, j in combinations(range(len(hands)), 2) if overlap[i, j] > 0]


def _apart(a: Box, b: Box) -> float:
    across, down = (a[i] + a[i + 2] / 2 - b[i] - b[i + 2] / 2 for i in (0, 1))
    return float(np.hypot(across, down)) / max(a[2:])


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"

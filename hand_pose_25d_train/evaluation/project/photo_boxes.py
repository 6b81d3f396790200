"""`evaluate boxes --photos`: hands found in whole photographs of held-out people and places.

The truth is what `label --consensus` made of them: labelled hands and boxes that surely hold one;
boxes in doubt neither ask for an answer nor forbid one.  Distances are to keypoints marked by hand
(datasets/marks/photo_hands.yaml).  What is counted says photo_counts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.geometry.boxes import box_around
from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d_train.datasets.archives import load_arrays
from hand_pose_25d_train.datasets.backgrounds import read_rgb
from hand_pose_25d_train.datasets.held_out import held_out
from hand_pose_25d_train.datasets.photos import plausible_camera
from hand_pose_25d_train.evaluation.project.photo_counts import (
    HEADER,
    Answer,
    PhotoCount,
    PhotoTruth,
)

MARKS = Path(__file__).resolve().parents[2] / "datasets" / "marks" / "photo_hands.yaml"
MOST_HANDS = 4

AnswerHands = Callable[[np.ndarray], list[Answer]]
"""(H, W, 3) uint8 RGB -> the hands found."""


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
        return [
            Answer(hand.keypoints_2d, hand.handedness == "right", hand.handedness_score)
            for hand in estimator.estimate(image, plausible_camera(image))
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

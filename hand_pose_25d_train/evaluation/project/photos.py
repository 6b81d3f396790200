"""`evaluate photos`: a pose network on photographs that were not trained on.

The labels are MediaPipe's, so the distance to them says how alike both are.  Which fingers are
stretched out is known from the sign that a photograph shows (the first digit of its name, ASL
digits), and tells which of the two is correct.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d_train.datasets.photos import LabelledPhoto, load_photos
from hand_pose_25d_train.evaluation.project.network import (
    MEDIAPIPE_NETWORK,
    extended_fingers,
    load,
)
from hand_pose_25d_train.evaluation.project.sheet import draw_hand, predict_photos
from hand_pose_25d_train.labelling.photo_folder import photo_folder
from hand_pose_25d_train.pictures import grid

ASL_DIGITS: dict[int, str] = {
    0: "?0000",
    1: "?1000",
    2: "?1100",
    3: "11100",
    4: "01111",
    5: "11111",
    6: "?1110",
    7: "?1101",
    8: "?1011",
    9: "?0111",
}
"""Thumb, index, middle, ring, little: 1 stretched, 0 bent, ? not judged (it touches others)."""
WORST = 50


def asl_states(photos: list[LabelledPhoto]) -> tuple[np.ndarray, np.ndarray]:
    """Return the fingers' true states (N, 5) and which are known (N, 5), from the names."""
    signs = ["?????" if photo.sign is None else ASL_DIGITS[photo.sign] for photo in photos]
    table = np.array([list(sign) for sign in signs])
    return table == "1", table != "?"


def photo_errors(found: np.ndarray, photos: list[LabelledPhoto]) -> np.ndarray:
    """(N, 21, 2) -> (N,): mean distance to the labels as a fraction of the hand's box."""
    labels = np.array([photo.uv for photo in photos])
    boxes = np.ptp(labels, axis=1).max(-1)
    return np.asarray(np.linalg.norm(found - labels, axis=-1).mean(-1) / boxes)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the protocol's options."""
    parser.add_argument("--photos", type=photo_folder, nargs="+", required=True, metavar="DIR=NPZ")
    parser.add_argument("--weights", default="accurate", help="network's name or file")
    parser.add_argument("--all", action="store_true", help="not only the held-out photographs")
    parser.add_argument("--worst", type=Path, help="draw the worst fifty into this image")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    photos: list[LabelledPhoto] = []
    for folder, labels in args.photos:
        photos += load_photos(folder, labels, None if args.all else True)
    truth, known = asl_states(photos)
    print(f"{len(photos)} photographs, {known.sum()} fingers whose state is known")
    print(f"{'':24}{'error, % of box':>28}{'':4}{'fingers':>9}{'whole':>9}")
    print(f"{'':24}{'mean':>10}{'median':>9}{'p95':>9}{'':4}{'correct':>9}{'hands %':>9}")
    labels = np.array([photo.uv for photo in photos])
    worst: tuple[np.ndarray, np.ndarray] | None = None
    for name in (args.weights, MEDIAPIPE_NETWORK, "labels"):
        found = labels if name == "labels" else predict_photos(load(name), photos)[1]
        errors = 100 * photo_errors(found, photos)
        correct = (extended_fingers(found) == truth) | ~known
        judged = known.any(1)
        share = 100 * correct[known].mean() if known.any() else float("nan")
        hands = 100 * correct.all(1)[judged].mean() if judged.any() else float("nan")
        shown = "MediaPipe, whole" if name == "labels" else name
        print(
            f"{Path(shown).name:24}{errors.mean():10.2f}{np.median(errors):9.2f}"
            f"{np.quantile(errors, 0.95):9.2f}{'':4}{share:9.2f}{hands:9.2f}"
        )
        worst = worst or (errors, found)
    if args.worst and worst:
        draw_worst_photos(photos, *worst, args.worst)
    return 0


def draw_worst_photos(
    photos: list[LabelledPhoto], errors: np.ndarray, found: np.ndarray, path: Path
) -> None:
    """Draw the photographs with the largest errors, ours above and the labels below."""
    order = np.argsort(-errors)[:WORST]
    pairs = [
        np.vstack([draw_hand(photos[i], uv, 150) for uv in (found[i], photos[i].uv)])
        for i in order
    ]
    cv2.imwrite(str(path), grid(pairs, 10)[..., ::-1])

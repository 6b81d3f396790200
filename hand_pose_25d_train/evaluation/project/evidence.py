"""`hand-pose-25d evaluate evidence`: fit the rule by which an image on its own shows a hand.

On photographs that are not held out, and on such without people, both networks judge whatever the
detector scores at 0.15 or more; what lies beside hands and boxes in doubt is no hand.  Printed are
the weights of `inference.hand_evidence` as fitted, and how many hands and others pass: by a
threshold of 0.5 for each network, the shipped rule, and the fitted one with other constants.
`evaluate boxes --photos` judges.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import box_around
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.hand_evidence import SHIPPED, EvidenceWeights, evidence_features
from hand_pose_25d.inference.hypotheses import refine, search
from hand_pose_25d.inference.networks_by_use import SINGLE_IMAGES
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d_train.datasets.backgrounds import read_rgb
from hand_pose_25d_train.datasets.held_out import held_out
from hand_pose_25d_train.datasets.photos import plausible_camera
from hand_pose_25d_train.evaluation.project.logistic import fit_logistic
from hand_pose_25d_train.evaluation.project.people import fits
from hand_pose_25d_train.evaluation.project.photo_boxes import photo_truths
from hand_pose_25d_train.evaluation.project.photo_counts import PhotoTruth
from hand_pose_25d_train.labelling.photo_folder import photo_folder

LOWEST = 0.15
"""Detector's score of what is fitted to: far below what the rule can pass."""
MOST_PROPOSALS = 8
WEIGHT_DECAY = 1e-3
"""Of the weights of the normalised features."""
SHIFTS = (0.0, 0.4, 0.8, 1.2)
"""Taken off the fitted constant, for the table."""


@dataclass(frozen=True)
class Proposals:
    """N proposals of the detector, judged by the pose network."""

    features: np.ndarray
    """(N, 4), see `evidence_features`."""
    hand: np.ndarray
    """(N,) bool: one lies there."""

    def passed(self, weights: EvidenceWeights) -> tuple[int, int]:
        """Count the hands and the others that the rule passes."""
        shown = self.features @ np.array(weights) >= 0
        return int((shown & self.hand).sum()), int((shown & ~self.hand).sum())

    def passed_thresholds(self) -> tuple[int, int]:
        """Count those that a threshold of 0.5 passes for each network."""
        shown = (self.features[:, 1:3] >= 0).all(axis=1)
        return int((shown & self.hand).sum()), int((shown & ~self.hand).sum())


def judged_proposals(
    detector: Detector, network: PoseNetwork, truth: PhotoTruth
) -> tuple[np.ndarray, np.ndarray]:
    """Return features (N, 4) of a photograph's proposals, and which are hands (N,)."""
    found = detector.detect_single(truth.image)[:MOST_PROPOSALS]
    frame = Frame(truth.image, plausible_camera(truth.image))
    landmarks = refine(network, frame, search(network, frame, found), found).landmarks
    boxes = [box_around(uv) for uv in landmarks.keypoints_2d]
    hand = np.array([any(fits(h, box) for h in truth.hands) for box in boxes], dtype=bool)
    doubtful = [any(fits(d, box) for d in truth.doubtful) for box in boxes]
    scores = np.array([detection.score for detection in found])
    features = evidence_features(scores, landmarks.presence, landmarks.pose_scores)
    known = hand | ~np.array(doubtful, dtype=bool)
    return features[known], hand[known]


def fit_evidence(proposals: Proposals) -> EvidenceWeights:
    """Fit the logistic function to which proposals are hands."""
    mean, scale = proposals.features.mean(axis=0), proposals.features.std(axis=0)
    mean[0], scale[0] = 0.0, 1.0
    x, y = (proposals.features - mean) / np.maximum(scale, 1e-9), proposals.hand * 1.0
    weights = fit_logistic(x, y, WEIGHT_DECAY) / np.maximum(scale, 1e-9)
    weights[0] -= weights[1:] @ mean[1:]
    return EvidenceWeights(*weights.tolist())


def photos_to_fit(folder: Path, labels: Path, count: int) -> Iterator[PhotoTruth]:
    """Yield photographs of a folder that are not held out, `count` at most, evenly spaced."""
    truths = list(photo_truths(folder, labels, every=True))
    out = held_out(folder.name, [truth.name for truth in truths])
    left = [truth for truth, held in zip(truths, out, strict=True) if not held]
    for index in np.unique(np.linspace(0, len(left) - 1, min(count, len(left))).astype(int)):
        yield left[index]


def photos_without_people(folder: Path) -> Iterator[PhotoTruth]:
    """Yield the photographs of a folder that shows nobody."""
    for path in sorted(folder.iterdir()):
        image = read_rgb(path)
        if image is not None:
            yield PhotoTruth(path.name, image, [], [], [], [])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--photos", type=photo_folder, nargs="+", required=True, metavar="DIR=NPZ",
                        help="photographs, labels by `label --consensus`")  # fmt: skip
    parser.add_argument("--empty", type=Path, help="folder of photographs without people")
    parser.add_argument("--count", type=int, default=90, help="photographs a folder, at most")
    parser.add_argument("--weights", default=SINGLE_IMAGES, help="pose network: a name or a file")
    parser.add_argument("--detector", help="a name or a file (default: shipped)")


def run(args: argparse.Namespace) -> int:
    """Fit the weights; print them and what they pass."""
    detector = Detector("auto", args.detector, LOWEST)
    network = load_pose_network(args.weights)
    photos = [
        truth
        for folder, labels in args.photos
        for truth in photos_to_fit(folder, labels, args.count)
    ]
    photos += list(photos_without_people(args.empty)) if args.empty else []
    pairs = [judged_proposals(detector, network, truth) for truth in photos]
    if not any(hand.any() for _, hand in pairs):
        raise ValueError("no hand among these photographs to fit the evidence to")
    features, hand = (np.concatenate(column) for column in zip(*pairs, strict=True))
    proposals = Proposals(features, hand)
    fitted = fit_evidence(proposals)
    others = int((~hand).sum())
    print(f"{len(photos)} photographs, {int(hand.sum())} hands proposed, {others} others")
    print(f"{fitted}\n\n| rule | hands passed | others passed |\n|---|---|---|")
    rows = {"0.5 for each network": proposals.passed_thresholds(),
            "shipped": proposals.passed(SHIPPED)}  # fmt: skip
    for shift in SHIFTS:
        moved = fitted._replace(constant=fitted.constant - shift)
        rows[f"fitted, constant {moved.constant:.2f}"] = proposals.passed(moved)
    for name, passed in rows.items():
        print(f"| {name} | {passed[0]} | {passed[1]} |")
    return 0

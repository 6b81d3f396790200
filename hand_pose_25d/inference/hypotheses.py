"""Hypotheses: in-plane rotation and handedness of a detection that leaves them open.

A box alone tells neither which way the hand points nor which hand it is.  The pose network
runs on the crops of four in-plane rotations, mirrored and not, in one batch; the two best
rotations are refined from the keypoints predicted there, and the best hypothesis is taken: the one
whose crop shows a hand, of that handedness, that fills the box.  Where the detector gave the
rotation, a second forward pass on the region of the predicted keypoints (`refine`) shows the
network the hand as in its training data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import Box, box_around, box_iou
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.handedness import log_odds, probability
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.landmarks import Landmarks, predict_landmarks
from hand_pose_25d.inference.pose_network import PoseNetwork

ROTATIONS = (0.0, math.pi / 2, math.pi, -math.pi / 2)
"""In-plane rotations tried, radians, where a detection has none."""
REFINED_ROTATIONS = 2
FILLING_POWER = 4
"""Power of the overlap of the box and the predicted hand in a hypothesis' merit."""
SURE_HANDEDNESS = 0.8
"""Probability below which a detection is tried as a left and as a right hand."""
WITNESS_LIMIT = 5.0
"""Of one witness, detector or pose network, on the handedness."""

Hypothesis = tuple[int, Region, bool]
"""Index of the detection, region, and whether the crop is mirrored (a left hand)."""


@dataclass(frozen=True)
class ResolvedHands:
    """The best hypothesis of each detection."""

    landmarks: Landmarks
    p_right: np.ndarray
    """(N,) probability of a right hand, by detector and network together."""

    def __len__(self) -> int:
        return len(self.landmarks)

    def __getitem__(self, rows: Sequence[int]) -> ResolvedHands:
        return ResolvedHands(self.landmarks[rows], self.p_right[list(rows)])

    def __add__(self, other: ResolvedHands) -> ResolvedHands:
        """Return these hands, then the other ones."""
        p_right = np.concatenate([self.p_right, other.p_right])
        return ResolvedHands(self.landmarks + other.landmarks, p_right)


def search(
    network: PoseNetwork, frame: Frame, detections: Sequence[Detection], whole_hands: bool = True
) -> ResolvedHands:
    """Test every hypothesis of every detection and take the best of each.

    One forward pass, and a second one where there are detections without an in-plane rotation.
    `whole_hands`: the boxes are tight around whole hands, so that a predicted hand that does not
    fill its box is doubtful.
    """
    hypotheses = [
        (i, region, mirror)
        for i, detection in enumerate(detections)
        for region in _rotated_regions(detection)
        for mirror in _mirrored(detection.p_right)
    ]
    boxes = [d.box if whole_hands and not _has_rotation(d) else None for d in detections]
    landmarks, odds, merit = _test(network, frame, boxes, hypotheses)
    order = sorted(range(len(hypotheses)), key=lambda k: -merit[k])
    best = [next(k for k in order if hypotheses[k][0] == i) for i in range(len(detections))]
    refined = [
        (i, region, mirror)
        for i, detection in enumerate(detections)
        if not _has_rotation(detection)
        for region in _best_regions(landmarks, [k for k in order if hypotheses[k][0] == i])
        for mirror in _mirrored(detection.p_right)
    ]
    if refined:
        closer, closer_odds, merit = _test(network, frame, boxes, refined)
        for i in {hypothesis[0] for hypothesis in refined}:
            rows = [k for k, hypothesis in enumerate(refined) if hypothesis[0] == i]
            best[i] = len(hypotheses) + max(rows, key=lambda k: (merit[k], -k))
        landmarks, odds = landmarks + closer, np.concatenate([odds, closer_odds])
    return ResolvedHands(landmarks[best], _joint_p_right(odds[best], detections))


def refine(
    network: PoseNetwork, frame: Frame, hands: ResolvedHands, detections: Sequence[Detection]
) -> ResolvedHands:
    """Run the network once more, on the regions of the predicted keypoints."""
    regions = [
        region_of(points, region)
        for points, region in zip(
            hands.landmarks.extended_2d, hands.landmarks.regions, strict=True
        )
    ]
    landmarks = predict_landmarks(network, frame, regions, hands.p_right < 0.5)
    odds = np.array([log_odds(float(p), WITNESS_LIMIT) for p in landmarks.p_right])
    return ResolvedHands(landmarks, _joint_p_right(odds, detections))


def complete(
    network: PoseNetwork, frame: Frame, detections: Sequence[Detection]
) -> list[Detection]:
    """Return the detections with in-plane rotation and handedness, searched for where open."""
    open_ones = [i for i, d in enumerate(detections) if crops_needed(d)]
    hands = search(network, frame, [detections[i] for i in open_ones])
    completed = list(detections)
    for row, i in enumerate(open_ones):
        region = hands.landmarks.regions[row]  # refined already where the rotation was open
        if _has_rotation(detections[i]):
            region = region_of(hands.landmarks.extended_2d[row], region)
        completed[i] = replace(
            detections[i],
            p_right=float(hands.p_right[row]),
            angle=region.angle,
            placed=region,
        )
    return completed


def crops_needed(detection: Detection) -> int:
    """Return how many crops `complete` has for a detection: none where nothing is open."""
    handednesses = len(_mirrored(detection.p_right))
    if not _has_rotation(detection):
        return (len(ROTATIONS) + REFINED_ROTATIONS) * handednesses
    return handednesses if handednesses > 1 else 0


def filling(keypoints_2d: np.ndarray, box: Box) -> float:
    """Return the overlap (IoU) of a box (x, y, w, h) and that of (21, 2) pixels.

    Pixels that are NaN are left out; without any the overlap is 0.
    """
    share = box_iou(np.array(box_around(keypoints_2d)), np.array(box))[0, 0]
    return float(np.nan_to_num(share))


def region_of(keypoints_2d: np.ndarray, otherwise: Region) -> Region:
    """Return the region of (21, 2) pixels, or `otherwise` where they make none."""
    try:
        return Region.from_keypoints(keypoints_2d)
    except ValueError:  # NaN, or all in one place
        return otherwise


def _test(
    network: PoseNetwork,
    frame: Frame,
    boxes: Sequence[Box | None],
    hypotheses: Sequence[Hypothesis],
) -> tuple[Landmarks, np.ndarray, np.ndarray]:
    """Run the network on hypotheses; return its landmarks, log odds of a right hand, and merits.

    `boxes`: of each detection, where the hand must fill one.
    """
    mirrored = np.array([mirror for _, _, mirror in hypotheses], dtype=bool)
    regions = [region for _, region, _ in hypotheses]
    landmarks = predict_landmarks(network, frame, regions, mirrored)
    # A crop and its mirror image are one witness of the handedness: their mean.
    p_right = np.where(mirrored, 1 - landmarks.prediction.p_right, landmarks.prediction.p_right)
    each = np.array([log_odds(float(p), WITNESS_LIMIT) for p in p_right])
    places = [hypothesis[:2] for hypothesis in hypotheses]
    odds = np.array([np.mean([o for o, q in zip(each, places, strict=True) if q == p])
                     for p in places])  # fmt: skip
    # The network knows right hands: a crop fits that shows one, mirrored or not.
    merit = landmarks.scores * probability(np.where(mirrored, -odds, odds))
    for k, (i, _, _) in enumerate(hypotheses):
        if (box := boxes[i]) is not None:
            merit[k] *= filling(landmarks.keypoints_2d[k], box) ** FILLING_POWER
    return landmarks, odds * np.nan_to_num(landmarks.pose_scores, nan=1.0), merit


def _best_regions(landmarks: Landmarks, order: Sequence[int]) -> list[Region]:
    """Return the regions of the keypoints of the best rotations; `order`: rows, best first."""
    best_at: dict[Region, int] = {}
    for k in order:
        best_at.setdefault(landmarks.regions[k], k)
    best = list(best_at.items())[:REFINED_ROTATIONS]
    return [region_of(landmarks.extended_2d[k], region) for region, k in best]


def _has_rotation(detection: Detection) -> bool:
    return math.isfinite(detection.angle)


def _rotated_regions(detection: Detection) -> list[Region]:
    region = detection.region()
    if _has_rotation(detection):
        return [region]
    return [replace(region, angle=angle) for angle in ROTATIONS]


def _mirrored(p_right: float) -> list[bool]:
    """Return whether to mirror the crop; both ways where the handedness is open (NaN too)."""
    if max(p_right, 1 - p_right) >= SURE_HANDEDNESS:
        return [p_right < 0.5]
    return [False, True]


def _joint_p_right(odds: np.ndarray, detections: Sequence[Detection]) -> np.ndarray:
    """Join the log odds of network and detector, as independent witnesses."""
    detectors = [log_odds(d.p_right, WITNESS_LIMIT) for d in detections]
    return probability(odds + np.array(detectors, dtype=np.float64))

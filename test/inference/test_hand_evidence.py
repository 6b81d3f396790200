"""The evidence for a hand: its numbers, what each part is worth, and who decides in `estimate`."""

from __future__ import annotations

import numpy as np
import pytest
from hands_2d import hand_at
from recordings_made import clip_images

from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.hand_evidence import (
    LIMIT,
    SHIPPED,
    evidence_features,
    hand_evidence,
    lowest_score,
)
from hand_pose_25d.inference.hand_networks import HandNetworks


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def _evidence(score: float, presence: float, pose: float, *thresholds: float) -> float:
    columns = (np.array([v]) for v in (score, presence, pose))
    return float(hand_evidence(*columns, *thresholds)[0])


@pytest.mark.parametrize(
    ("score", "presence", "pose", "hand"),
    [
        (0.50, 0.50, 0.50, False),  # in doubt thrice
        (0.75, 0.50, 0.50, True),  # the detector alone
        (0.50, 0.95, 0.80, True),  # the pose network makes up for it
        (0.40, 0.98, 0.95, True),  # and for less
        (0.40, 0.80, 0.90, False),
        (0.60, 0.10, 0.50, False),  # nor is the detector enough against it
        (0.93, 0.05, 0.50, True),
        (0.28, 1.00, 1.00, False),  # below `lowest_score` nothing helps
        (0.95, 0.00, 0.00, True),
        (0.90, 0.00, 0.00, False),
    ],
)
def test_the_networks_decide_together(
    score: float, presence: float, pose: float, hand: bool
) -> None:
    assert (_evidence(score, presence, pose) >= 0) is hand


def test_the_evidence_is_a_sum_of_limited_log_odds() -> None:
    evidence = _evidence(0.6, 0.9, 0.7)
    parts = (1, _logit(0.6), _logit(0.9), _logit(0.7))
    assert evidence == pytest.approx(float(np.dot(SHIPPED, parts)))
    features = evidence_features(np.array([0.5]), np.array([1.0]), np.array([0.0]))
    assert features.tolist() == [[1, 0, LIMIT, -LIMIT]]
    assert np.isnan(_evidence(0.9, np.nan, 0.9))


@pytest.mark.parametrize("at", [0, 1])
def test_a_threshold_shifts_what_its_network_says(at: int) -> None:
    thresholds = [0.5, 0.5]
    usual = _evidence(0.6, 0.7, 0.7)
    thresholds[at] = 0.6
    weight = SHIPPED[1 + at]
    assert _evidence(0.6, 0.7, 0.7, *thresholds) == pytest.approx(usual - weight * _logit(0.6))


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.95])
def test_below_the_lowest_score_nothing_is_a_hand(threshold: float) -> None:
    lowest = lowest_score(threshold)
    assert 0 < lowest < threshold
    assert _evidence(lowest - 1e-6, 1.0, 1.0, threshold) < 0
    assert _evidence(lowest + 1e-6, 1.0, 1.0, threshold) > 0


def test_the_detector_proposes_from_the_lowest_score_on() -> None:
    (image,) = clip_images(1, start=60)
    detector = Detector("cpu")
    best = detector.detect_single(image)[0].score
    for threshold in (0.5, (1 + best) / 2):
        detector.threshold = threshold
        scores = [found.score for found in detector.propose(image)]
        assert scores[0] == best
        assert min(scores) >= lowest_score(threshold)
    assert detector.detect_single(image) == []  # its threshold is above the best


class _Judged:
    presence = np.array([0.6, 0.4, 0.6])
    pose_scores = np.array([0.9, 0.9, 0.01])


class _Other:
    def detect(self, image: np.ndarray) -> list[Detection]:
        return []


def test_scores_of_another_detector_do_not_count() -> None:
    x, y = hand_at(100, 100, 50.0).min(axis=0)
    found = [Detection((x, y, 50, 50), score) for score in (0.2, 0.99, 0.7)]
    networks = HandNetworks(Detector("cpu"), None)  # type: ignore[arg-type]
    assert networks.show_hands(found, _Judged(), 0.5).tolist() == [False, True, False]  # type: ignore[arg-type]
    networks = HandNetworks(_Other(), None)  # type: ignore[arg-type]
    assert networks.show_hands(found, _Judged(), 0.5).tolist() == [True, False, True]  # type: ignore[arg-type]

"""Detection metrics: matching by overlap, average precision, recall at a false-positive rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.geometry.boxes import box_iou

IOU_THRESHOLD = 0.5


@dataclass
class ImageResult:
    """The detections of one image, matched with its truths."""

    scores: np.ndarray
    """(D,)"""
    matched: np.ndarray
    """(D,) index of the truth that a detection found; -1: false positive, -2: not counted."""
    asked: np.ndarray
    """(T,) bool: truths that must be found."""


def match_image(
    boxes: np.ndarray, scores: np.ndarray, truths: np.ndarray, asked: np.ndarray
) -> ImageResult:
    """Match detections with truths, best score first, each truth once (as PASCAL VOC does).

    Args:
        boxes: (D, 4) x, y, w, h.
        scores: (D,).
        truths: (T, 4).
        asked: (T,) bool; a detection of a truth that is not asked for counts neither way.
    """
    scores = np.asarray(scores, np.float64)
    asked = np.asarray(asked, bool)
    iou = box_iou(boxes, truths)
    matched = np.full(len(scores), -1)
    free = np.ones(len(asked), bool)
    for d in np.argsort(-scores, kind="stable"):
        fitting = np.where(free & (iou[d] >= IOU_THRESHOLD), iou[d] + asked, -1.0)
        if len(fitting) and fitting.max() > 0:
            t = int(fitting.argmax())
            matched[d] = t if asked[t] else -2
            free[t] = not asked[t]
        elif (iou[d][~asked] > 0.1).any():
            matched[d] = -2
    return ImageResult(scores, matched, asked)


@dataclass(frozen=True)
class DetectionSummary:
    """What is reported of a set of images."""

    ap50: float
    recall: float
    """At `false_positives` of them in an image."""
    threshold: float
    """Score at which the recall is taken."""
    recall_at_default: float
    false_positives_at_default: float
    """False positives an image at the detector's own threshold."""
    hands: int
    images: int
    best_f1: float
    """The highest harmonic mean of precision and recall."""
    best_threshold: float
    """Score at which it is reached."""


def summarize_detections(
    results: Sequence[ImageResult], default: float = 0.5, false_positives: float = 0.01
) -> DetectionSummary:
    """Average precision over all points of the curve, and recall at a rate of false positives.

    NaN where no truth is asked for.
    """
    scores = np.concatenate([r.scores[r.matched != -2] for r in results] or [np.zeros(0)])
    correct = np.concatenate([r.matched[r.matched != -2] >= 0 for r in results] or [np.zeros(0)])
    order = np.argsort(-scores, kind="stable")
    scores, correct = scores[order], correct[order].astype(bool)
    total = sum(int(r.asked.sum()) for r in results)
    found, wrong = np.cumsum(correct), np.cumsum(~correct)
    precision = found / np.maximum(found + wrong, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    nan = float("nan")
    ap = float((envelope * correct).sum() / total) if total else nan
    allowed = int(np.searchsorted(wrong, false_positives * len(results) + 1e-9, side="right"))
    above = scores >= default
    f1 = 2 * found / np.maximum(total + found + wrong, 1)
    return DetectionSummary(
        ap50=ap,
        recall=float(correct[:allowed].sum() / total) if total else nan,
        threshold=float(scores[allowed - 1]) if allowed else nan,
        recall_at_default=float((correct & above).sum() / total) if total else nan,
        false_positives_at_default=float((~correct & above).sum() / max(len(results), 1)),
        hands=total,
        images=len(results),
        best_f1=float(f1.max(initial=0.0)) if total else nan,
        best_threshold=float(scores[f1.argmax()]) if total and len(scores) else nan,
    )

"""How far the hands found in a clip are from its ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.clips import Clip
from hand_pose_25d.io.labelled_hand import LabelledHand

_NEAR = 0.5  # of a hand's extent in the image: mean keypoint distance below which hands are paired
VISIBLE = 11  # keypoints that must be seen of a hand for it to count as one to be found


@dataclass
class ClipErrors:
    """Errors of the hands found against the truth."""

    pixels: list[float]
    """Mean distance of a hand's keypoints in the image."""
    metres: list[float]
    """Mean distance of a hand's keypoints in space."""
    root_depth: list[float]
    """Absolute error of the wrist's depth, metres."""
    to_find: int = 0
    found: int = 0
    correct_handedness: int = 0
    false_positives: int = 0
    """Hands found where there is none."""


def compare_with_truth(
    found: Sequence[Sequence[HandPose]],
    truth: Clip,
    stamps: Sequence[float] | None = None,
) -> ClipErrors:
    """Pair the hands of each image with the true ones, nearest first, and measure.

    `stamps`: seconds from the clip's beginning, where some of its images are missing.  A true hand
    of which fewer than VISIBLE keypoints are seen need not be found.
    """
    errors = ClipErrors([], [], [])
    numbers = range(len(found)) if stamps is None else [round(s * truth.fps) for s in stamps]
    for hands, number in zip(found, numbers, strict=True):
        if not 0 <= number < len(truth.hands):
            continue
        true_hands = truth.hands[number]
        hands = [h for h in hands if h.state != "lost" and np.isfinite(h.keypoints_2d).all()]
        pixels = [true.uv for true in true_hands]
        distances = sorted(
            (float(np.linalg.norm(hand.keypoints_2d - p, axis=1).mean()), i, k)
            for i, hand in enumerate(hands)
            for k, p in enumerate(pixels)
        )
        used_hands: set[int] = set()
        used_true: set[int] = set()
        for distance, i, k in distances:
            if i in used_hands or k in used_true:
                continue
            if not distance < _NEAR * float(np.ptp(pixels[k], axis=0).max()):
                continue
            used_hands.add(i)
            used_true.add(k)
            _measure(errors, hands[i], true_hands[k], distance)
        errors.to_find += sum(int(t.visibility.sum() >= VISIBLE) for t in true_hands)
        errors.found += sum(int(true_hands[k].visibility.sum() >= VISIBLE) for k in used_true)
        errors.false_positives += len(hands) - len(used_hands)
    return errors


def summarise_errors(
    found: Sequence[Sequence[HandPose]],
    truth: Clip,
    stamps: Sequence[float] | None = None,
) -> list[str]:
    """Return lines for the terminal: hands found, and their errors; see `compare_with_truth`."""
    errors = compare_with_truth(found, truth, stamps)
    count = f"{errors.found} of {errors.to_find} hands found"
    lines = [f"truth    {count}, {errors.false_positives} false positives"]
    if errors.pixels:
        median, p95 = np.percentile(errors.pixels, (50, 95))
        lines.append(f"         pixels: median {median:.1f}, 95 % below {p95:.1f}")
        correct = f"{errors.correct_handedness} of {len(errors.pixels)} correct"
        lines.append(f"         handedness: {correct}")
    if errors.metres:
        median, p95 = (1e3 * v for v in np.percentile(errors.metres, (50, 95)))
        lines.append(f"         keypoints: median {median:.0f} mm, 95 % below {p95:.0f} mm")
        median, p95 = (1e3 * v for v in np.percentile(errors.root_depth, (50, 95)))
        lines.append(f"         wrist's depth: median {median:.0f} mm, 95 % below {p95:.0f} mm")
    return lines


def _measure(errors: ClipErrors, hand: HandPose, true: LabelledHand, distance: float) -> None:
    errors.pixels.append(distance)
    errors.correct_handedness += (hand.handedness == "right") == true.is_right
    if np.isfinite(hand.keypoints).all():
        apart = np.linalg.norm(hand.keypoints - true.keypoints, axis=1)
        errors.metres.append(float(apart.mean()))
        errors.root_depth.append(abs(float(hand.keypoints[0, 2] - true.keypoints[0, 2])))

"""Search: from a detection, coarse or without direction and side, to a good look at the hand.

A box alone does not tell which way the hand points nor which side it is: the four quarter turns,
mirrored and not, are looked at together; the two best turns are looked at again, both ways, from
the keypoints that were seen, and the best is kept: the one that shows a hand, of that side, and
fills the box.  Where the detector gave the direction, a second look, from the keypoints that the
first one found, sees the hand as the network was trained to see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.detection import Box, box_iou
from hand_pose_25d.inference.detector import Detection
from hand_pose_25d.inference.landmarks import Views, look
from hand_pose_25d.inference.pose_network import PoseNetwork
from hand_pose_25d.tracking.track import log_odds

QUARTER_TURNS = (0.0, math.pi / 2, math.pi, -math.pi / 2)
KEPT_TURNS = 2  # looked at again, where a box does not say which way the hand points
FILLING = 4  # power of the overlap of a box and the hand that is seen in it
SURE_OF_SIDE = 0.8  # probability below which a detection is looked at as a left and a right hand
MAX_LOG_ODDS = 5.0  # that one witness, detector or network, may say of left and right


@dataclass(frozen=True)
class Found:
    """The best view of each detection."""

    views: Views
    right: np.ndarray
    """(N,) probability of a right hand, by detector and network together."""


def search(
    runtime: PoseNetwork, image: np.ndarray, camera: Camera, detections: Sequence[Detection]
) -> Found:
    """Look at every hypothesis of every detection; keep the best of each.

    One forward pass, and a second one where there are detections without a direction.
    """
    hypotheses = [
        (i, region, mirror)
        for i, detection in enumerate(detections)
        for region in _turns(detection)
        for mirror in _sides(detection.right_probability)
    ]
    views, odds, merit = _try(runtime, image, camera, detections, hypotheses)
    order = sorted(range(len(hypotheses)), key=lambda k: -merit[k])
    best = [next(k for k in order if hypotheses[k][0] == i) for i in range(len(detections))]
    again = [
        (i, region, mirror)
        for i, detection in enumerate(detections)
        if not _has_direction(detection)
        for region in _kept(views, [k for k in order if hypotheses[k][0] == i])
        for mirror in _sides(detection.right_probability)
    ]
    if again:
        closer, closer_odds, merit = _try(runtime, image, camera, detections, again)
        for i in {h[0] for h in again}:
            rows = [k for k, h in enumerate(again) if h[0] == i]
            best[i] = len(hypotheses) + max(rows, key=lambda k: (merit[k], -k))
        views, odds = views + closer, np.concatenate([odds, closer_odds])
    return Found(views[best], _agree(odds[best], detections))


def _kept(views: Views, order: Sequence[int]) -> list[Region]:
    """Return the regions of the hands that the best turns show; `order`: views, best first."""
    best_at: dict[Region, int] = {}
    for k in order:
        best_at.setdefault(views.regions[k], k)
    return [
        region_of(views.keypoints_2d[k], place) for place, k in list(best_at.items())[:KEPT_TURNS]
    ]


def _try(
    runtime: PoseNetwork,
    image: np.ndarray,
    camera: Camera,
    detections: Sequence[Detection],
    hypotheses: Sequence[tuple[int, Region, bool]],
) -> tuple[Views, np.ndarray, np.ndarray]:
    """Look at (detection, region, mirrored): the views, what each place says of the side (log
    odds of right), and how good each hypothesis is."""
    mirrored = np.array([h[2] for h in hypotheses], dtype=bool)
    views = look(runtime, image, camera, [h[1] for h in hypotheses], mirrored)
    # What a crop and its mirror image say of the side is believed together.
    each = np.array([log_odds(float(p), MAX_LOG_ODDS) for p in views.right])
    places = [h[:2] for h in hypotheses]
    odds = np.array([np.mean([o for o, q in zip(each, places, strict=True) if q == p])
                     for p in places])  # fmt: skip
    # The network knows right hands: the crop that shows one is the one that is mirrored well.
    merit = views.scores * _probability(np.where(mirrored, -odds, odds))
    for k, (i, _, _) in enumerate(hypotheses):
        partial = getattr(detections[i], "partial", False)  # a box around some of the keypoints
        if not (partial or _has_direction(detections[i])):
            merit[k] *= filling(views.keypoints_2d[k], detections[i].box) ** FILLING
    return views, odds, merit


def filling(keypoints_2d: np.ndarray, box: Box) -> float:
    """Return the overlap (IoU) of a box (x, y, w, h) and that of (21, 2) pixels; 0 for NaN."""
    low, high = keypoints_2d.min(axis=0), keypoints_2d.max(axis=0)
    share = box_iou(np.concatenate([low, high - low]), np.array(box))[0, 0]
    return float(np.nan_to_num(share))


def refine(
    runtime: PoseNetwork,
    image: np.ndarray,
    camera: Camera,
    found: Found,
    detections: Sequence[Detection],
) -> Found:
    """Look again, in one forward pass, where the first look saw the hands."""
    regions = [
        region_of(points, region)
        for points, region in zip(found.views.keypoints_2d, found.views.regions, strict=True)
    ]
    views = look(runtime, image, camera, regions, found.right < 0.5)
    odds = np.array([log_odds(float(p), MAX_LOG_ODDS) for p in views.right])
    return Found(views, _agree(odds, detections))


def complete(
    runtime: PoseNetwork, image: np.ndarray, camera: Camera, detections: Sequence[Detection]
) -> list[Detection]:
    """Return the detections, direction and side searched for where they are open."""
    vague = [
        i
        for i, d in enumerate(detections)
        if not _has_direction(d) or len(_sides(d.right_probability)) > 1
    ]
    found = search(runtime, image, camera, [detections[i] for i in vague])
    completed = list(detections)
    for row, i in enumerate(vague):
        region = found.views.regions[row]  # a hand without a direction has been looked at twice
        if _has_direction(detections[i]):
            region = region_of(found.views.keypoints_2d[row], region)
        completed[i] = replace(
            detections[i],
            right_probability=float(found.right[row]),
            angle=region.angle,
            placed=region,
        )
    return completed


def region_of(keypoints_2d: np.ndarray, otherwise: Region) -> Region:
    """Return the region of (21, 2) pixels, or `otherwise` where they make none."""
    try:
        return Region.from_keypoints(keypoints_2d)
    except ValueError:  # NaN, or all in one place
        return otherwise


def _has_direction(detection: Detection) -> bool:
    """Tell whether a detection says which way the hand points; another class's always does."""
    return math.isfinite(getattr(detection, "angle", 0.0))


def _turns(detection: Detection) -> list[Region]:
    region = detection.region()
    if _has_direction(detection):
        return [region]
    return [replace(region, angle=angle) for angle in QUARTER_TURNS]


def _sides(right_probability: float) -> list[bool]:
    """Return whether to mirror; both ways where nobody knows (NaN too)."""
    if max(right_probability, 1 - right_probability) >= SURE_OF_SIDE:
        return [right_probability < 0.5]
    return [False, True]


def _agree(odds: np.ndarray, detections: Sequence[Detection]) -> np.ndarray:
    """Join the detector's word on the side and the network's, as independent witnesses."""
    detectors = [log_odds(d.right_probability, MAX_LOG_ODDS) for d in detections]
    return _probability(odds + np.array(detectors, dtype=np.float64))


def _probability(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))

"""Consensus: the hands of a photograph on which independent finders and networks agree.

MediaPipe Hands on the photograph and its mirror image, the hands of MediaPipe's body pose, the
shipped detector, and boxes where the set has them propose regions; the shipped pose network finds
rotation and handedness of each; what is one hand is joined, and `Witnesses` say what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import Box, box_around, box_iou
from hand_pose_25d.geometry.roi import Region, hand_angle, region_iou
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.duplicates import same_hand
from hand_pose_25d.inference.hypotheses import region_of, search
from hand_pose_25d_train.datasets.photos import plausible_camera
from hand_pose_25d_train.labelling.mediapipe_hands import BodyTeacher, Teacher
from hand_pose_25d_train.labelling.witnesses import Testimony, Witnesses

DETECTOR_THRESHOLD = 0.3
_MOST_HANDS = 8
_SURE = 0.95
"""Handedness of a proposal that names it."""
_FAINT = 0.1
"""Presence below which something found is dropped, unless a given box is there."""
_COVERED = 0.45
"""IoU of the regions of one hand."""
_FILLED = 0.4
"""IoU of a box and a hand in it."""


@dataclass(frozen=True)
class Finding:
    """Where a finder takes something for a hand."""

    detection: Detection
    source: str
    """hands, mirror, body, detector or box."""
    uv: np.ndarray | None = None
    """(21, 2) pixels, where the finder itself saw the hand."""


@dataclass
class Group:
    """One hand, and who proposed it."""

    uv: np.ndarray
    region: Region
    is_right: bool
    sources: set[str]


@dataclass(frozen=True)
class FoundHand:
    """One hand of a photograph, or what some finder takes for one."""

    testimony: Testimony
    sources: tuple[str, ...]
    given: int = -1
    """Row of the given box that it fills, -1 for none."""
    given_iou: float = 0.0

    @property
    def is_right(self) -> bool:
        """By both networks' log odds."""
        odds = sum(np.log(p / (1 - p)) for p in (self._ours, self._theirs))
        return bool(odds >= 0)

    @property
    def _ours(self) -> float:
        return float(np.clip(self.testimony.p_right, 1e-6, 1 - 1e-6))

    @property
    def _theirs(self) -> float:
        return float(np.clip(self.testimony.their_p_right, 1e-6, 1 - 1e-6))

    def record(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        said = self.testimony
        return {
            "uv": np.round(said.uv, 2).tolist(),
            "ours": np.round(said.ours, 2).tolist(),
            "world": np.round(said.world, 4).tolist(),
            "right": self.is_right,
            "p_right": [round(said.p_right, 4), round(said.their_p_right, 4)],
            "presence": [round(said.presence, 4), round(said.their_presence, 4)],
            "spread": [round(said.spread, 4), round(said.their_spread, 4)],
            "disagreement": round(said.disagreement, 4),
            "sources": list(self.sources),
            "given": self.given,
            "given_iou": round(self.given_iou, 3),
        }


class Consensus:
    """All finders and witnesses.  Call it with a photograph."""

    def __init__(
        self, weights: str = "accurate", detector: str = "detector", bodies: bool = True
    ) -> None:
        """Load the networks; `weights`, `detector`: names or files of ours; `bodies`: also look
        for the hands of a person's body."""
        self._witnesses = Witnesses(weights)
        self._detector = Detector("cpu", detector, DETECTOR_THRESHOLD)
        self._teacher, self._body = Teacher(max_hands=4), BodyTeacher() if bodies else None

    def __call__(self, image: np.ndarray, boxes: Sequence[Box] = ()) -> list[FoundHand]:
        """Return what may be a hand in an (H, W, 3) uint8 RGB image; boxes: x, y, w, h."""
        frame, groups = Frame(image, plausible_camera(image)), list[Group]()
        proposals = list(self._proposals(image))
        for p in proposals:
            if p.uv is not None:
                _join(groups, p.uv, p.detection.region(), p.detection.p_right >= 0.5, p.source)
        self._search(frame, groups, [p for p in proposals if p.uv is None])
        # The search of a box alone is long: only where nothing fills it.
        filled = {row for row, iou in (_filled(g.uv, boxes) for g in groups) if iou > _FILLED}
        left = [Finding(Detection(b), "box") for i, b in enumerate(boxes) if i not in filled]
        self._search(frame, groups, left)
        groups = groups[:_MOST_HANDS]
        testimonies = self._witnesses(
            frame, [g.region for g in groups], [g.is_right for g in groups]
        )
        return [
            FoundHand(testimony, tuple(sorted(g.sources)), *_filled(testimony.uv, boxes))
            for testimony, g in zip(testimonies, groups, strict=True)
        ]

    def _search(self, frame: Frame, groups: list[Group], proposals: Sequence[Finding]) -> None:
        """Add the hands of proposals that lie on none of the groups."""
        open_ones = []
        for p in proposals:
            region = p.detection.region()
            near = next((g for g in groups if region_iou(g.region, region) > _COVERED), None)
            if near is None:
                open_ones.append(p)
            else:
                near.sources.add(p.source)
        if not open_ones:
            return
        seen = search(self._witnesses.ours, frame, [p.detection for p in open_ones])
        marks = seen.landmarks
        for i in np.argsort(-marks.presence, kind="stable").tolist():
            if marks.presence[i] >= _FAINT or open_ones[i].source == "box":
                uv = marks.extended_2d[i]
                region = region_of(uv, marks.regions[i])
                _join(groups, uv, region, bool(seen.p_right[i] >= 0.5), open_ones[i].source)

    def _proposals(self, image: np.ndarray) -> Iterator[Finding]:
        width = image.shape[1]
        for hand in self._teacher(image):
            yield Finding(_detection(hand.uv, hand.is_right), "hands", hand.uv)
        for hand in self._teacher(np.ascontiguousarray(image[:, ::-1])):
            uv = hand.uv * (-1, 1) + (width - 1, 0)
            yield Finding(_detection(uv, not hand.is_right), "mirror", uv)
        for body in self._body(image) if self._body else ():
            if body.uv is not None:
                yield Finding(_detection(body.uv, body.is_right), "body", body.uv)
            else:
                yield Finding(_coarse(body.region, body.is_right), "body")
        for found in self._detector.detect_single(image):
            yield Finding(found, "detector")


def _join(
    groups: list[Group], uv: np.ndarray, region: Region, is_right: bool, source: str
) -> None:
    """Add a proposer to the group of a hand, or a new one."""
    for group in groups:
        if same_hand(uv, group.uv, region.size):
            group.sources.add(source)
            return
    groups.append(Group(uv, region, is_right, {source}))


def _detection(uv: np.ndarray, is_right: bool) -> Detection:
    region = Region.from_keypoints(uv)
    p_right = _SURE if is_right else 1 - _SURE
    return Detection(box_around(uv), 1.0, p_right, hand_angle(uv), region)


def _coarse(region: Region, is_right: bool) -> Detection:
    x, y = (c - region.size / 2 for c in region.center)
    box = (x, y, region.size, region.size)
    return Detection(box, 1.0, _SURE if is_right else 1 - _SURE, region.angle, replace(region))


def _filled(uv: np.ndarray, boxes: Sequence[Box]) -> tuple[int, float]:
    """Return the row of the box that a hand fills best, -1 without one, and their IoU."""
    if not len(boxes):
        return -1, 0.0
    shares = box_iou(np.array(box_around(uv)), np.array(boxes))[0]
    best = int(np.argmax(shares))
    return best, float(shares[best])

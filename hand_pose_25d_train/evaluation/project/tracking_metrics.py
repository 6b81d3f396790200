"""Tracking metrics over clips with ground truth: MOTA, IDF1 and what a controller notices.

Identities are counted by `motmetrics` (Bernardin and Stiefelhagen, 2008; Ristani et al., 2016).
The times are ours: images from a hand's appearance to its first pose, and images in which a pose
is still reported for a hand that has gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hand_pose_25d.geometry.boxes import box_iou
from hand_pose_25d_train.evaluation.project.average_precision import IOU_THRESHOLD


@dataclass
class TrueHand:
    """A hand that is in the image."""

    hand_id: int
    uv: np.ndarray
    """(21, 2) px."""
    is_right: bool
    asked: bool = True
    """False where too little of it is seen: reporting it and not reporting it are both correct."""


@dataclass
class ReportedHand:
    """A hand that a tracker reports."""

    track_id: int
    uv: np.ndarray
    """(21, 2) px."""
    is_right: bool


@dataclass
class ScoredImage:
    """One image of a clip: what is there, and what was reported."""

    truths: list[TrueHand]
    reported: list[ReportedHand]


@dataclass(frozen=True)
class TrackingSummary:
    """Figures over a set of clips."""

    images: int
    hands: int
    """Hands asked for, summed over the images."""
    misses: int
    """Of them, not reported."""
    false_positives: int
    switches: int
    """Times that a hand's track id changed."""
    fragmentations: int
    """Times that a hand was missed and followed again."""
    mota: float
    idf1: float
    wrong_handedness: int
    """Reports of the wrong handedness."""
    times_to_detect: tuple[int, ...]
    """Images from each appearance to the first report: 0 is at once."""
    never_detected: int
    """Appearances without any report."""
    times_to_drop: tuple[int, ...]
    """Images in which each hand that went was still reported."""

    def time_to(self, which: str) -> str:
        """Format the time to "detect" or to "drop" a hand, in images: mean / maximum."""
        values = self.times_to_detect if which == "detect" else self.times_to_drop
        return f"{np.mean(values):.1f} / {max(values)}" if values else "-"


@dataclass
class TrackingScore:
    """Collects clips, then sums them up."""

    wrong_handedness: int = 0
    times_to_detect: list[int] = field(default_factory=list)
    never_detected: int = 0
    times_to_drop: list[int] = field(default_factory=list)
    images: int = 0
    _accumulators: list = field(default_factory=list)

    def add_clip(self, frames: Sequence[ScoredImage]) -> None:
        """Take the images of one clip in their order."""
        import motmetrics

        accumulator = motmetrics.MOTAccumulator()
        counted = [without_unasked(frame) for frame in frames]
        for i, (frame, reported) in enumerate(zip(frames, counted, strict=True)):
            asked = [t for t in frame.truths if t.asked]
            overlap = box_iou(_boxes(asked), _boxes(reported))
            distance = np.where(overlap >= IOU_THRESHOLD, 1 - overlap, np.nan)
            ids = [t.hand_id for t in asked], [r.track_id for r in reported]
            accumulator.update(*ids, distance, frameid=i)
        found_at: list[dict[int, int]] = [{} for _ in frames]
        events = accumulator.mot_events.reset_index()
        for event in events[events.Type.isin(["MATCH", "SWITCH"])].itertuples():
            found_at[event.FrameId][int(event.OId)] = int(event.HId)
        for frame, reported, found in zip(frames, counted, found_at, strict=True):
            right = {r.track_id: r.is_right for r in reported}
            self.wrong_handedness += sum(
                right[found[t.hand_id]] != t.is_right for t in frame.truths if t.hand_id in found
            )
        self.images += len(frames)
        self._accumulators.append(accumulator)
        self._add_times(frames, found_at)

    def _add_times(self, frames: Sequence[ScoredImage], found_at: list[dict[int, int]]) -> None:
        for hand_id in sorted({t.hand_id for f in frames for t in f.truths}):
            asked = [any(t.hand_id == hand_id and t.asked for t in f.truths) for f in frames]
            there = [any(t.hand_id == hand_id for t in f.truths) for f in frames]
            for start, end in runs(asked):
                hits = [i for i in range(start, end) if hand_id in found_at[i]]
                if hits:
                    self.times_to_detect.append(hits[0] - start)
                else:
                    self.never_detected += 1
            for _, end in runs(there):
                last = next((found_at[i].get(hand_id) for i in range(end - 1, -1, -1)
                             if hand_id in found_at[i]), None)  # fmt: skip
                if end < len(frames) and last is not None:
                    self.times_to_drop.append(_reported_for(frames, end, last, found_at))

    def summary(self) -> TrackingSummary:
        """Sum up.  Raises ValueError without clips."""
        import motmetrics

        if not self._accumulators:
            raise ValueError("no clips were evaluated")
        names = ["num_objects", "num_misses", "num_false_positives", "num_switches",
                 "num_fragmentations", "mota", "idf1"]  # fmt: skip
        host = motmetrics.metrics.create()
        clips = [str(i) for i in range(len(self._accumulators))]
        table = host.compute_many(
            self._accumulators, metrics=names, names=clips, generate_overall=True
        )
        total = table.loc["OVERALL"]
        return TrackingSummary(
            self.images,
            int(total.num_objects),
            int(total.num_misses),
            int(total.num_false_positives),
            int(total.num_switches),
            int(total.num_fragmentations),
            float(total.mota),
            float(total.idf1),
            self.wrong_handedness,
            tuple(self.times_to_detect),
            self.never_detected,
            tuple(self.times_to_drop),
        )


def without_unasked(frame: ScoredImage) -> list[ReportedHand]:
    """Leave out the reports of hands that are there but not asked for."""
    unasked = [t for t in frame.truths if not t.asked]
    asked = [t for t in frame.truths if t.asked]
    if not unasked or not frame.reported:
        return frame.reported
    own = box_iou(_boxes(frame.reported), _boxes(unasked)).max(axis=1)
    others = (
        box_iou(_boxes(frame.reported), _boxes(asked)).max(axis=1) if asked else np.zeros(len(own))
    )
    return [
        r for r, a, b in zip(frame.reported, own, others, strict=True)
        if not (a > 0.1 and b < IOU_THRESHOLD)
    ]  # fmt: skip


def runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """Return the (start, end) of each run of true values."""
    padded = np.diff(np.concatenate([[0], np.asarray(flags, int), [0]]))
    starts, ends = np.flatnonzero(padded == 1), np.flatnonzero(padded == -1)
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]


def _reported_for(
    frames: Sequence[ScoredImage], start: int, track_id: int, found_at: list[dict[int, int]]
) -> int:
    """Count the images from `start` on in which a track is reported for no hand."""
    count = 0
    for i in range(start, len(frames)):
        reported = any(r.track_id == track_id for r in frames[i].reported)
        if not reported or track_id in found_at[i].values():
            break
        count += 1
    return count


def _boxes(hands: Sequence[TrueHand] | Sequence[ReportedHand]) -> np.ndarray:
    """(N, 4) x, y, w, h around the keypoints."""
    low = np.array([h.uv.min(axis=0) for h in hands]).reshape(-1, 2)
    high = np.array([h.uv.max(axis=0) for h in hands]).reshape(-1, 2)
    return np.hstack([low, high - low])

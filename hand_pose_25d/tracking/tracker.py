"""Tracker: which hands are where, from image to image.

The paper's scheme (Iqbal et al., ECCV 2018, Section 4.1: the detector for the first frame, then
the region from the previous pose) with what a robot needs on top of it: several hands, stable
ids, misses and re-detection, non-maximum suppression, id-swap correction, re-identification.  Pure
logic: what sees is handed in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.tracking.association import (
    Observations,
    Poses,
    correct_id_swaps,
    regions_of,
    reidentify,
    suppress_duplicates,
)
from hand_pose_25d.tracking.candidates import Candidates
from hand_pose_25d.tracking.clock import TrackerClock
from hand_pose_25d.tracking.redetection import RedetectionSchedule, check_count, check_seconds
from hand_pose_25d.tracking.track import Proposal, Track, TrackedHand

Seen = TypeVar("Seen", bound=Observations)
Detect = Callable[[Frame, Sequence[int]], Sequence[Detection]]
Observe = Callable[[Frame, Sequence[Proposal]], Seen]


class Tracker:
    """Tracks up to `max_hands` hands.  Not thread-safe: the estimator holds the lock."""

    def __init__(
        self,
        max_hands: int = 2,
        redetect_interval: float = 3.0,
        search_interval: float = 0.15,
        presence_threshold: float = 0.5,
        start_threshold: float | None = None,
        max_misses: int = 2,
        memory: float = 1.0,
        detector_parts: int = 1,
    ) -> None:
        """Make an empty tracker.

        Args:
            max_hands: hands tracked at a time, at least 1.
            redetect_interval: seconds between detections while all `max_hands` are tracked.
            search_interval: the same while some hand is tracked but fewer than `max_hands`.  With
                no hand at all, and right after a miss, the detector runs on every image.
            presence_threshold: presence below which the network sees no hand, in (0, 1).
            start_threshold: presence a new hand must have; default: `presence_threshold`.
            max_misses: images in a row without the hand after which its track ends, at least 1.
            memory: seconds for which an ended track can be re-identified, id and handedness kept.
            detector_parts: looks of the detector that together are a whole one, at least 1.

        Raises ValueError for an option out of its range.
        """
        check_count("max_hands", max_hands)
        check_count("max_misses", max_misses)
        check_seconds("memory", memory)
        self.max_hands, self.max_misses, self.memory = int(max_hands), int(max_misses), memory
        self._schedule = RedetectionSchedule(redetect_interval, search_interval, detector_parts)
        self.tune(presence_threshold, redetect_interval, start_threshold)
        self._ids = itertools.count(1)
        self.clock = TrackerClock()
        self.reset()

    def tune(
        self,
        presence_threshold: float,
        redetect_interval: float,
        start_threshold: float | None = None,
    ) -> None:
        """Change what can change between two images; ValueError for a wrong value."""
        start = presence_threshold if start_threshold is None else start_threshold
        shares = {"presence_threshold": presence_threshold, "start_threshold": start}
        for name, share in shares.items():
            if not 0 < share < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {share!r}")
        check_seconds("redetect_interval", redetect_interval)
        self.presence_threshold, self.start_threshold = presence_threshold, start
        self._schedule.redetect_interval = redetect_interval

    def reset(self) -> None:
        """Forget every hand.  Ids go on counting, so that no id is given twice."""
        self._tracks: list[Track] = []
        self._ended: list[Track] = []  # can be re-identified for `memory` seconds
        self.clock.reset()
        self._size: tuple[int, int] | None = None
        self._schedule.reset()

    def step(
        self, frame: Frame, detect: Detect, observe: Observe[Seen]
    ) -> tuple[list[TrackedHand], Seen]:
        """Go on by one image.

        Args:
            frame: the image.  One of another size than the last, or with a stamp more than
                `OUT_OF_ORDER` before the last, resets the tracker.  One that is less late is
                taken for an image of the last stamp.
            detect: frame, parts of the detector that are due (0 .. `detector_parts` - 1; maybe
                none) -> detections; it may hold some back for later images.  Called once, and once
                more when a tracked hand is missed.
            observe: frame, N proposals -> the pose network's N rows.  Called once, and once
                more where detections of missed hands give it new regions.

        Returns:
            Every hand tracked or just lost, by id, and the observations that their `index` is of.
            At most `max_hands` are not lost.
        """
        frame = self._advance(frame)
        stamp = frame.stamp
        candidates = Candidates()
        due = self._schedule.due(stamp, len(self._tracks), self.max_hands)
        self._detect(candidates, detect(frame, due), stamp, set())
        if due and self._schedule.is_complete:
            for track in self._tracks:
                track.swept(stamp)
        proposals = candidates.proposals(self._tracks, stamp)
        seen = observe(frame, proposals)
        regions = self._regions(proposals, seen, frame.size)
        shown = self._gated(proposals, seen, regions)
        missing = {t.track_id for t in self._tracks} - shown.keys()
        more: list[int] = []
        if missing:  # it moved against its prediction: detect it in this image
            more = [part for part in self._schedule.begin(stamp) if part not in due]
        if more:
            self._detect(candidates, detect(frame, more), stamp, missing)
        if missing and (candidates.relocate(missing) or (candidates.tracks and more)):
            proposals = candidates.proposals(self._tracks, stamp)
            seen = observe(frame, proposals)
            regions = self._regions(proposals, seen, frame.size)
        return self._update(frame.stamp, candidates, proposals, seen, regions), seen

    def _advance(self, frame: Frame) -> Frame:
        """Take note of time and size, forget what they make invalid; return the frame, in time."""
        if self._size not in (None, frame.size) or self.clock.restarts(frame.stamp):
            self.reset()
        before, stamp = self.clock.now, self.clock.advance(frame.stamp)
        if stamp - before > self.memory:
            self._schedule.hurry()  # after a pause the hands can be anywhere
            for track in self._tracks:
                track.move_to(track.region, stamp)
        self._ended = [t for t in self._ended if stamp - t.stamp <= self.memory]
        self._size = frame.size
        return frame if stamp == frame.stamp else replace(frame, stamp=stamp)

    def _detect(
        self,
        candidates: Candidates,
        detections: Sequence[Detection],
        stamp: float,
        missing: set[int],
    ) -> None:
        room = self._room(stamp, missing)
        candidates.add(detections, self._tracks, self._ended, stamp, room, self._ids)

    def _room(self, stamp: float, missing: Collection[int] = ()) -> int:
        """Return for how many hands there is room beside those that are followed for certain."""
        followed = (t for t in self._tracks if not t.misses and t.track_id not in missing)
        return self.max_hands - sum(not t.is_doubtful(stamp) for t in followed)

    def _regions(
        self, proposals: Sequence[Proposal], seen: Observations, size: tuple[int, int]
    ) -> list[Region | None]:
        lowest = min(self.start_threshold, self.presence_threshold)
        return regions_of(seen, len(proposals), lowest, size)

    def _gated(
        self,
        proposals: Sequence[Proposal],
        seen: Observations,
        regions: Sequence[Region | None],
        fresh: Collection[int] = (),
    ) -> Poses:
        """Return the observations that show a hand; the `fresh` ids are those of candidates."""
        poses: Poses = {}
        for i, (proposal, region) in enumerate(zip(proposals, regions, strict=True)):
            new = proposal.track_id in fresh
            threshold = self.start_threshold if new else self.presence_threshold
            if region is not None and seen.presence[i] >= threshold:
                poses[proposal.track_id] = (i, region)
        return poses

    def _update(
        self,
        stamp: float,
        candidates: Candidates,
        proposals: Sequence[Proposal],
        seen: Observations,
        regions: Sequence[Region | None],
    ) -> list[TrackedHand]:
        """Give every observation to its track, and start, end and continue tracks."""
        self._schedule.stepped(stamp)
        fresh = {t.track_id for t in candidates.tracks}
        by_id = {t.track_id: t for t in self._tracks + candidates.tracks}
        poses = self._gated(proposals, seen, regions, fresh)
        poses = suppress_duplicates(poses, seen, by_id, fresh, stamp)
        poses = correct_id_swaps(poses, seen, self._tracks, stamp)
        for track_id, newcomer in self._continued(poses, seen, fresh, stamp).items():
            poses[track_id] = poses.pop(newcomer)
            candidates.relocated.add(track_id)
        for track_id, (i, region) in poses.items():
            by_id[track_id].hit(region, stamp)
            by_id[track_id].vote(float(seen.p_right[i]))
        for track in self._tracks:
            if track.track_id not in poses:
                track.miss(stamp)
                self._schedule.hurry()
        # A missed hand may have been seen again where its detection lies: less room for others.
        newcomers = [t for t in candidates.tracks if t.track_id in poses]
        tracks = self._tracks + newcomers[: self._room(stamp)]
        tracks.sort(key=lambda t: (t.misses, t.is_doubtful(stamp), -t.hits))
        for track in tracks[self.max_hands :]:
            if poses.pop(track.track_id, None):  # doubtful, and another hand takes its place
                track.miss(stamp)
        alive = [t for t in tracks[: self.max_hands] if t.misses < self.max_misses]
        ids = {t.track_id for t in alive}
        self._ended = [t for t in self._ended + tracks if t.track_id not in ids]
        self._tracks = alive
        detected = fresh | candidates.relocated
        hands = [
            t.report(
                "detected" if t.track_id in detected else "tracked",
                poses[t.track_id][0] if t.track_id in poses else None,
                ended=t.track_id not in ids,
            )
            for t in tracks
        ]
        return sorted(hands, key=lambda hand: hand.track_id)

    def _continued(
        self, poses: Poses, seen: Observations, fresh: set[int], stamp: float
    ) -> dict[int, int]:
        """Return {id of a missed track: id of the candidate that is its hand, moved away}."""
        missed = [t for t in self._tracks if t.track_id not in poses]
        ended = {t.track_id for t in self._ended}
        new = [i for i in poses if i in fresh and i not in ended]
        regions, p_rights = [poses[i][1] for i in new], [seen.p_right[poses[i][0]] for i in new]
        again = reidentify(missed, regions, p_rights, stamp)
        return {track.track_id: new[row] for row, track in again.items()}

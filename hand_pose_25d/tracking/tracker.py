"""Tracker: which hands are where, from image to image, and when the detector is asked.

The paper's scheme (Iqbal et al., ECCV 2018, Section 4.1: the detector for the first frame, then
the region from the previous pose) with what a robot needs on top of it: several hands, stable
ids, loss and re-detection, duplicates, hands that cross.  Pure logic: no image, no network.

One image goes through it like this::

    if tracker.needs_detection(stamp):
        tracker.add_detections(detector.detect(image), stamp)
    proposals = tracker.propose(stamp)
    observations = [...]        # one forward pass over all proposals, one Observation for each
    if missing := tracker.missing(observations, image_size=(width, height)):
        if the detector was not asked:
            tracker.add_detections(detector.detect(image), stamp, missing)
        if tracker.retry(missing):
            proposals, observations = ...                # once more
    for hand in tracker.update(stamp, observations, image_size=(width, height)):
        hand.track_id, hand.state, hand.right_probability, observations[hand.index]

`stamp` is in seconds and the same in all calls.  One before the last resets the tracker.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.hand_pose import TrackState
from hand_pose_25d.tracking.association import match, match_ended, merge_duplicates, uncross
from hand_pose_25d.tracking.observation import (
    DetectionLike,
    Observation,
    Proposal,
    TrackedHand,
    believed_region,
)
from hand_pose_25d.tracking.track import Track, region_iou

__all__ = ["DetectionLike", "Observation", "Proposal", "TrackedHand", "Tracker"]

NOMINAL_PERIOD = 1 / 30  # seconds, what an image counts for where its stamp stands still
COVERED_IOU = 0.6  # a second detection this close to a followed hand is the same hand


class Tracker:
    """Follows up to `max_hands` hands.  Not thread-safe: the estimator holds the lock."""

    def __init__(
        self,
        max_hands: int = 2,
        redetect_interval: float = 1.0,
        search_interval: float = 0.15,
        presence_threshold: float = 0.5,
        start_threshold: float | None = None,
        max_misses: int = 2,
        memory: float = 1.0,
    ) -> None:
        """Make an empty tracker.

        Args:
            max_hands: hands followed at a time, at least 1.
            redetect_interval: seconds between detections while all `max_hands` are followed.
            search_interval: the same while some hand is followed but fewer than `max_hands`.  With
                no hand at all, and right after one was missed, the detector is asked every time.
            presence_threshold: presence below which the network sees no hand, in (0, 1).
            start_threshold: presence a new hand must have; default: `presence_threshold`.
            max_misses: images in a row without the hand after which its track ends, at least 1.
            memory: seconds for which an ended track can be taken up again, id and handedness kept.
        """
        for name, value, least in (("max_hands", max_hands, 1), ("max_misses", max_misses, 1)):
            if value != int(value) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value}")
        for name, seconds in (
            ("redetect_interval", redetect_interval),
            ("search_interval", search_interval),
            ("memory", memory),
        ):
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{name} must be a number of seconds from 0 on, got {seconds}")
        start_threshold = presence_threshold if start_threshold is None else start_threshold
        for name, share in (
            ("presence_threshold", presence_threshold),
            ("start_threshold", start_threshold),
        ):
            if not 0 < share < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {share}")
        self.max_hands, self.max_misses, self.memory = int(max_hands), int(max_misses), memory
        self.redetect_interval, self.search_interval = redetect_interval, search_interval
        self.presence_threshold, self.start_threshold = presence_threshold, start_threshold
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget every hand.  Ids go on counting, so that no id is given twice."""
        self._tracks: list[Track] = []
        self._candidates: list[Track] = []  # detected, not yet seen by the pose network
        self._ended: list[Track] = []  # remembered for `memory` seconds
        self._moved: set[int] = set()  # tracks whose region is a detector's in this image
        self._found: dict[int, Region] = {}  # where the detector sees tracks in this image
        self._proposed: set[int] = set()  # candidates that the pose network was shown
        self._stamp: float | None = None
        self._updated_at: float | None = None
        self._detected_at: float | None = None
        self._stalled = 0  # images since the last detection whose stamp did not advance
        self._urgent = False

    def needs_detection(self, stamp: float) -> bool:
        """Tell whether the detector is to be asked about the image of this stamp."""
        self._advance(stamp)
        if not self._tracks or self._urgent or self._detected_at is None:
            return True
        full = len(self._tracks) >= self.max_hands
        elapsed = stamp - self._detected_at + self._stalled * NOMINAL_PERIOD
        return elapsed >= (self.redetect_interval if full else self.search_interval) - 1e-9

    def add_detections(
        self,
        detections: Sequence[DetectionLike],
        stamp: float,
        missing: Collection[int] = (),
    ) -> None:
        """Take what a detector (ours, another's, the caller) found in the image of this stamp.

        `missing`: the tracks that the pose network did not see in this image (see `missing`).
        """
        self._advance(stamp)
        self._detected_at, self._stalled, self._urgent = stamp, 0, False
        self._candidates, self._found, self._proposed = [], {}, set()
        found = sorted(detections, key=lambda d: -d.score)
        regions = [d.region() for d in found]
        rights = [d.right_probability for d in found]
        matched = match(self._tracks, regions, rights, stamp)
        free = [i for i in range(len(found)) if i not in matched]
        again = match_ended(
            self._ended, [regions[i] for i in free], [rights[i] for i in free], stamp
        )
        ended = {free[row]: track for row, track in again.items()}
        room = self.max_hands - sum(
            not t.misses and t.track_id not in missing for t in self._tracks
        )
        for i, region in enumerate(regions):
            if i not in matched:
                self._add_candidate(region, rights[i], ended.get(i), stamp, room)
                continue
            self._found[matched[i].track_id] = region
            if matched[i].misses:  # the pose network lost it: look where the detector sees it
                matched[i].move_to(region, stamp)
                self._moved.add(matched[i].track_id)

    def propose(self, stamp: float) -> list[Proposal]:
        """Return where the pose network is to look in the image of this stamp."""
        self._advance(stamp)
        self._proposed = {t.track_id for t in self._candidates}
        seen = {i: region for i, region in self._found.items() if i in self._moved}
        return [
            Proposal(t.track_id, seen.get(t.track_id) or t.predict(stamp), t.right_probability)
            for t in self._tracks
        ] + [Proposal(t.track_id, t.region, t.right_probability) for t in self._candidates]

    def missing(
        self, observations: Sequence[Observation], image_size: tuple[int, int] | None = None
    ) -> set[int]:
        """Return the ids of the followed hands that the observations of an image do not show."""
        seen = {
            o.track_id
            for o in observations
            if believed_region(o, self.presence_threshold, image_size) is not None
        }
        return {t.track_id for t in self._tracks} - seen

    def retry(self, missing: Collection[int]) -> bool:
        """Have the pose network look where the detector sees the missing ones; False: nowhere new.

        To be asked once an image, after its detections were added.
        """
        retried = (self._found.keys() & set(missing)) - self._moved
        self._moved |= retried
        return bool(retried) or any(t.track_id not in self._proposed for t in self._candidates)

    def update(
        self,
        stamp: float,
        observations: Sequence[Observation],
        image_size: tuple[int, int] | None = None,
    ) -> list[TrackedHand]:
        """Take the poses seen at this stamp; return every hand followed or just lost, by id.

        A proposal without an observation counts as not seen.  With `image_size` (width, height) a
        hand whose region's centre left the image does too.
        """
        self._advance(stamp)
        if stamp == self._updated_at:
            self._stalled += 1
        self._updated_at = stamp
        fresh = {t.track_id for t in self._candidates}
        by_id = {t.track_id: t for t in self._tracks + self._candidates}
        seen = {
            o.track_id: (i, region)
            for i, o in enumerate(observations)
            if o.track_id in by_id
            and (region := believed_region(o, self._threshold(o, fresh), image_size)) is not None
        }
        rights = [o.right_probability for o in observations]
        poses = [np.asarray(o.keypoints_2d, dtype=float) for o in observations]
        seen = merge_duplicates(seen, poses, rights, by_id, fresh, stamp)
        seen = uncross(seen, rights, self._tracks, stamp)
        for track_id, newcomer in self._resumed(seen, rights, fresh, stamp).items():
            seen[track_id] = seen.pop(newcomer)
            self._moved.add(track_id)

        for track_id, (i, region) in seen.items():
            by_id[track_id].see(region, stamp)
            by_id[track_id].believe(rights[i])
        for track in self._tracks:
            if track.track_id not in seen:
                track.miss(stamp)
                self._urgent = True
        followed = self._tracks + [t for t in self._candidates if t.track_id in seen]
        followed.sort(key=lambda t: (t.misses, -t.hits))
        alive = [t for t in followed[: self.max_hands] if t.misses < self.max_misses]
        hands = [
            TrackedHand(
                t.track_id,
                self._state(t, fresh),
                t.is_right,
                t.right_probability,
                t.region,
                seen[t.track_id][0] if t.track_id in seen else None,
                ended=t not in alive,
            )
            for t in followed
        ]
        ids = {t.track_id for t in alive}
        self._ended = [t for t in self._ended + followed if t.track_id not in ids]
        self._tracks, self._candidates, self._moved, self._found = alive, [], set(), {}
        return sorted(hands, key=lambda hand: hand.track_id)

    def _threshold(self, seen: Observation, fresh: set[int]) -> float:
        return self.start_threshold if seen.track_id in fresh else self.presence_threshold

    def _state(self, track: Track, fresh: set[int]) -> TrackState:
        if track.misses:
            return "lost"
        return "detected" if track.track_id in fresh | self._moved else "tracked"

    def _resumed(
        self,
        seen: Mapping[int, tuple[int, Region]],
        rights: Sequence[float],
        fresh: set[int],
        stamp: float,
    ) -> dict[int, int]:
        """Return {id of a track not seen: id of the new hand that it is, gone another way}."""
        gone = [t for t in self._tracks if t.track_id not in seen]
        known = {t.track_id for t in self._ended}
        new = [i for i in seen if i in fresh and i not in known]
        again = match_ended(
            gone, [seen[i][1] for i in new], [rights[seen[i][0]] for i in new], stamp
        )
        return {track.track_id: new[row] for row, track in again.items()}

    def _add_candidate(
        self, region: Region, right: float, ended: Track | None, stamp: float, room: int
    ) -> None:
        """Let the pose network look at a detection that is no track's, if there is room.

        `ended`: the track that it takes up again, if it does.
        """
        others = [t.predict(stamp) for t in self._tracks] + [t.region for t in self._candidates]
        covered = any(region_iou(region, other) > COVERED_IOU for other in others)
        if covered or len(self._candidates) >= room:
            return
        if ended is None:
            candidate = Track.start(self._next_id, region, stamp, right)
            self._next_id += 1
        else:  # stays among the ended ones until the pose network has seen it
            candidate = replace(ended, hits=0, misses=0)
            candidate.move_to(region, stamp)
        self._candidates.append(candidate)

    def _advance(self, stamp: float) -> None:
        """Take note of the time: a clock that goes back resets; what is long past is forgotten."""
        if not math.isfinite(stamp):
            raise ValueError(f"a stamp must be a finite number of seconds, got {stamp}")
        if self._stamp is not None and stamp < self._stamp:
            self.reset()
        if self._stamp is not None and stamp - self._stamp > self.memory:
            self._urgent = True  # after a pause nobody knows where the hands went
            for track in self._tracks:
                track.move_to(track.region, stamp)
        self._ended = [t for t in self._ended if stamp - t.stamp <= self.memory]
        self._stamp = stamp

"""Candidates: what the detections of one image mean for the tracks, and which hands may be new."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from hand_pose_25d.geometry.roi import Region, region_iou
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.tracking.association import match, reidentify
from hand_pose_25d.tracking.track import Proposal, Track

COVERED_IOU = 0.6  # a second detection this close to a tracked hand is the same hand


def best_detections(detections: Sequence[Detection], most: int) -> list[Detection]:
    """Return the `most` best of the detections, best score first, each hand's once.

    What follows costs crops of the pose network for each: of 200 boxes only these are looked at.
    """
    best: list[Detection] = []
    regions: list[Region] = []
    for detection in sorted(detections, key=lambda d: -d.score):
        if len(best) == most:
            break
        region = detection.region()
        if any(region_iou(region, other) > COVERED_IOU for other in regions):
            continue
        best.append(detection)
        regions.append(region)
    return best


class Candidates:
    """The detections of one image, matched with the tracks; empty where the detector did not run.

    A detection that matches no track is a candidate: it becomes a track when the pose network
    sees a hand there.
    """

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        """The candidates: new tracks, or ended ones that may continue."""
        self.relocated: set[int] = set()
        """Ids of the tracks whose region in this image is a detection's."""
        self._detected: dict[int, Region] = {}  # where the detector found the tracks' hands

    def add(
        self,
        detections: Sequence[Detection],
        tracks: Sequence[Track],
        ended: Sequence[Track],
        stamp: float,
        room: int,
        ids: Iterator[int],
    ) -> None:
        """Match the detections of the image of this stamp; a matched track that was missed moves.

        `ended`: tracks that a detection can re-identify; `room`: the most candidates; `ids`: of
        new tracks.
        """
        found = sorted(detections, key=lambda d: -d.score)
        regions = [d.region() for d in found]
        p_rights = [d.p_right for d in found]
        matched = match(tracks, regions, p_rights, stamp)
        free = [i for i in range(len(found)) if i not in matched]
        again = reidentify(ended, [regions[i] for i in free], [p_rights[i] for i in free], stamp)
        continued = {free[row]: track for row, track in again.items()}
        for i, region in enumerate(regions):
            if i in matched:
                matched[i].detected = True
                self._detected[matched[i].track_id] = region
                if matched[i].misses:  # the pose network lost it: run it on the detection
                    matched[i].move_to(region, stamp)
                    self.relocated.add(matched[i].track_id)
                continue
            covering = [t for t in tracks if region_iou(region, t.predict(stamp)) > COVERED_IOU]
            for track in covering:
                track.detected = True
            others = (t.region for t in self.tracks)
            covered = covering or any(region_iou(region, o) > COVERED_IOU for o in others)
            if covered or len(self.tracks) >= room:
                continue
            if i in continued:  # stays ended until the pose network has seen it
                candidate = replace(continued[i], hits=0, misses=0)
                candidate.move_to(region, stamp)
            else:
                candidate = Track.start(next(ids), region, stamp, p_rights[i])
            self.tracks.append(candidate)

    def relocate(self, missing: Collection[int]) -> bool:
        """Move the missing tracks to their detections; False where none of them has a new one."""
        moved = (self._detected.keys() & set(missing)) - self.relocated
        self.relocated |= moved
        return bool(moved)

    def proposals(self, tracks: Sequence[Track], stamp: float) -> list[Proposal]:
        """Return the regions for the pose network: those of tracks, then of candidates."""
        detected = {i: region for i, region in self._detected.items() if i in self.relocated}
        return [
            Proposal(t.track_id, detected.get(t.track_id) or t.propose(stamp), t.p_right)
            for t in tracks
        ] + [Proposal(t.track_id, t.region, t.p_right) for t in self.tracks]

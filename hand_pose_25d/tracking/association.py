"""Which detection or pose belongs to which track: matching, duplicates, hands that cross."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, permutations

import numpy as np

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.tracking.track import Track, center_distance, region_iou

MATCH_IOU = 0.25  # a detection this close to a track can be that track's hand
SAME_HAND = 0.12  # mean keypoint distance over region size below which two poses are one hand
NEAR = 1.0  # region sizes: hands this close can be mistaken for one another
SWAP_GAIN = 0.2  # region sizes by which an exchange must fit better, so that noise swaps nobody
REVIVE_SPEED = 1.0  # region sizes a second that a hand out of sight may have moved
REVIVE_REACH = 0.5  # region sizes, at once
REVIVE_RESIZE = 1.8

Seen = dict[int, tuple[int, Region]]
"""Track id -> (index of its observation, region of that pose)."""


def mismatch(track: Track, region: Region, right_probability: float, stamp: float) -> float:
    """Return how badly a hand seen at `stamp` fits a track, in region sizes; 0 is perfect.

    A hand of the other side counts like one a whole region size away.
    """
    distance = center_distance(track.predict(stamp), region)
    if not math.isfinite(right_probability):
        return distance + 0.5 * abs(track.right_probability - 0.5)
    return distance + abs(track.right_probability - right_probability)


def match(
    tracks: Sequence[Track],
    regions: Sequence[Region],
    right_probabilities: Sequence[float],
    stamp: float,
) -> dict[int, Track]:
    """Match detections with tracks one to one, best first: {index of the region: track}."""

    def fits(track: Track, region: Region, right: float) -> bool:
        return region_iou(track.predict(stamp), region) > MATCH_IOU

    return _best_first(tracks, regions, right_probabilities, stamp, fits)


def match_ended(
    ended: Sequence[Track],
    regions: Sequence[Region],
    right_probabilities: Sequence[float],
    stamp: float,
) -> dict[int, Track]:
    """Match detections with tracks that ended a short while ago and that they take up again.

    One to one, best first: {index of the region: track}.
    """

    def fits(track: Track, region: Region, right: float) -> bool:
        reach = REVIVE_REACH + REVIVE_SPEED * (stamp - track.stamp)
        growth = region.size / track.region.size
        return (
            center_distance(track.region, region) < reach
            and 1 / REVIVE_RESIZE < growth < REVIVE_RESIZE
            and not track.contradicts(right)
        )

    return _best_first(ended, regions, right_probabilities, stamp, fits)


def _best_first(
    tracks: Sequence[Track],
    regions: Sequence[Region],
    right_probabilities: Sequence[float],
    stamp: float,
    fits: Callable[[Track, Region, float], bool],
) -> dict[int, Track]:
    pairs = sorted(
        (mismatch(track, region, right, stamp), i, k)
        for k, track in enumerate(tracks)
        for i, (region, right) in enumerate(zip(regions, right_probabilities, strict=True))
        if fits(track, region, right)
    )
    matched: dict[int, Track] = {}
    used: set[int] = set()
    for _, i, k in pairs:
        if i not in matched and k not in used:
            matched[i] = tracks[k]
            used.add(k)
    return matched


def same_hand(a: np.ndarray, b: np.ndarray, size: float) -> bool:
    """Tell whether two (21, 2) poses, regions about `size` pixels, show one and the same hand."""
    return float(np.linalg.norm(a - b, axis=1).mean()) < SAME_HAND * size


def merge_duplicates(
    seen: Mapping[int, tuple[int, Region]],
    keypoints: Sequence[np.ndarray],
    right_probabilities: Sequence[float],
    tracks: Mapping[int, Track],
    fresh: set[int],
    stamp: float,
) -> Seen:
    """Leave one track to each hand: the one it fits best, an older one before a `fresh` one."""
    kept = dict(seen)
    for a, b in combinations(seen, 2):
        if a not in kept or b not in kept:
            continue
        (i, region_a), (j, region_b) = kept[a], kept[b]
        if not same_hand(keypoints[i], keypoints[j], max(region_a.size, region_b.size)):
            continue
        worse = max(
            (a in fresh, mismatch(tracks[a], region_a, right_probabilities[i], stamp), a),
            (b in fresh, mismatch(tracks[b], region_b, right_probabilities[j], stamp), b),
        )[2]
        del kept[worse]
    return kept


def uncross(
    seen: Mapping[int, tuple[int, Region]],
    right_probabilities: Sequence[float],
    tracks: Sequence[Track],
    stamp: float,
) -> Seen:
    """Give each pose to the track it fits best among tracks that are near one another.

    Where hands cross, a region can slide onto the other hand: then its pose belongs to the other
    track, by position and handedness, even if that one has a pose of its own or was not seen.
    """
    result = dict(seen)

    def cost(track: Track, pose: tuple[int, Region] | None) -> float:
        if pose is None:
            return 0.0
        return mismatch(track, pose[1], right_probabilities[pose[0]], stamp)

    for a, b in combinations(tracks, 2):
        if center_distance(a.predict(stamp), b.predict(stamp)) > NEAR:
            continue
        poses = (result.get(a.track_id), result.get(b.track_id))
        now, swapped = (cost(a, p) + cost(b, q) for p, q in permutations(poses))
        if swapped < now - SWAP_GAIN:
            for track, pose in ((a, poses[1]), (b, poses[0])):
                result.pop(track.track_id, None)
                if pose is not None:
                    result[track.track_id] = pose
    return result

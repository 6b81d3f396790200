"""Which detection or pose belongs to which track, and which poses are hands at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, permutations
from typing import Protocol

import numpy as np

from hand_pose_25d.geometry.roi import REGION_SCALE, Region, center_distance, region_iou
from hand_pose_25d.inference.duplicates import same_hand
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d.tracking.track import Track

MATCH_IOU = 0.25  # a detection this close to a track can be that track's hand
SWAP_REACH = 1.0  # region sizes: hands this close can be mistaken for one another
SWAP_GAIN = 0.2  # region sizes by which an exchange must fit better, so that noise swaps no ids
REID_SPEED = 1.0  # region sizes a second that a hand out of sight may have moved
REID_REACH = 0.5  # region sizes, at once
REID_RESIZE = 1.8


class Observations(Protocol):
    """What the pose network predicts for N proposals, row by row; `Landmarks` is one."""

    @property
    def extended_2d(self) -> np.ndarray:
        """(N, 21, 2) pixels of the image and beyond it."""

    @property
    def presence(self) -> np.ndarray:
        """(N,) probability that there is a hand, in [0, 1]."""

    @property
    def p_right(self) -> np.ndarray:
        """(N,) probability of a right hand, of the image as it is (not mirrored); NaN: unknown."""


Poses = dict[int, tuple[int, Region]]
"""Track id -> (row of its observation, region of that pose)."""


def gate(
    keypoints_2d: np.ndarray, presence: float, threshold: float, image_size: tuple[int, int]
) -> Region | None:
    """Return the region of (21, 2) pixels that show a hand, else None.

    They do not where the presence is below the threshold, the finite ones of the keypoints make no
    region, or its centre lies outside `image_size` (width, height).
    """
    if not presence >= threshold:  # nor does NaN pass
        return None
    try:
        region = Region.from_keypoints(keypoints_2d)
    except ValueError:
        return None
    if region.size < REGION_SCALE:  # all within a pixel
        return None
    inside = all(0 <= c < n for c, n in zip(region.center, image_size, strict=True))
    return region if inside else None


def regions_of(
    seen: Observations, count: int, threshold: float, image_size: tuple[int, int]
) -> list[Region | None]:
    """Return the region of each observation, None where it passes no gate with this threshold.

    Raises ValueError for another number of observations than `count`.
    """
    expected, got = (count, NUM_KEYPOINTS, 2), seen.extended_2d.shape
    if got != expected:
        raise ValueError(f"observed extended_2d must have the shape {expected}, got {got}")
    rows = zip(seen.extended_2d, seen.presence, strict=True)
    return [gate(pixels, float(presence), threshold, image_size) for pixels, presence in rows]


def mismatch(track: Track, region: Region, p_right: float, stamp: float) -> float:
    """Return how badly a hand seen at `stamp` fits a track, in region sizes; 0 is perfect.

    The other handedness counts like a whole region size of distance.
    """
    distance = center_distance(track.predict(stamp), region)
    if not math.isfinite(p_right):
        return distance + 0.5 * abs(track.p_right - 0.5)
    return distance + abs(track.p_right - p_right)


def match(
    tracks: Sequence[Track], regions: Sequence[Region], p_rights: Sequence[float], stamp: float
) -> dict[int, Track]:
    """Match detections with tracks one to one, best first: {index of the region: track}."""

    def fits(track: Track, region: Region, p_right: float) -> bool:
        return region_iou(track.predict(stamp), region) > MATCH_IOU

    return _best_first(tracks, regions, p_rights, stamp, fits)


def reidentify(
    ended: Sequence[Track], regions: Sequence[Region], p_rights: Sequence[float], stamp: float
) -> dict[int, Track]:
    """Match detections with tracks that ended a short while ago: {index of the region: track}.

    One to one, best first, by position, size and handedness.
    """

    def fits(track: Track, region: Region, p_right: float) -> bool:
        reach = REID_REACH + REID_SPEED * (stamp - track.stamp)
        growth = region.size / track.region.size
        return (
            center_distance(track.region, region) < reach
            and 1 / REID_RESIZE < growth < REID_RESIZE
            and track.gate(p_right)
        )

    return _best_first(ended, regions, p_rights, stamp, fits)


def _best_first(
    tracks: Sequence[Track],
    regions: Sequence[Region],
    p_rights: Sequence[float],
    stamp: float,
    fits: Callable[[Track, Region, float], bool],
) -> dict[int, Track]:
    pairs = sorted(
        (mismatch(track, region, p_right, stamp), i, k)
        for k, track in enumerate(tracks)
        for i, (region, p_right) in enumerate(zip(regions, p_rights, strict=True))
        if fits(track, region, p_right)
    )
    matched: dict[int, Track] = {}
    used: set[int] = set()
    for _, i, k in pairs:
        if i not in matched and k not in used:
            matched[i] = tracks[k]
            used.add(k)
    return matched


def suppress_duplicates(
    poses: Poses,
    seen: Observations,
    tracks: Mapping[int, Track],
    fresh: set[int],
    stamp: float,
) -> Poses:
    """Leave one track to each hand (non-maximum suppression).

    The one that it fits best stays, an older one before a `fresh` one.
    """
    left = dict(poses)
    for a, b in combinations(poses, 2):
        if a not in left or b not in left:
            continue
        (i, region_a), (j, region_b) = left[a], left[b]
        size = max(region_a.size, region_b.size)
        if not same_hand(seen.extended_2d[i], seen.extended_2d[j], size):
            continue
        worse = max(
            (a in fresh, mismatch(tracks[a], region_a, seen.p_right[i], stamp), a),
            (b in fresh, mismatch(tracks[b], region_b, seen.p_right[j], stamp), b),
        )[2]
        del left[worse]
    return left


def correct_id_swaps(
    poses: Poses, seen: Observations, tracks: Sequence[Track], stamp: float
) -> Poses:
    """Give each pose to the track it fits best among tracks that are near one another.

    Where hands cross, a region can slide onto the other hand: then its pose belongs to the other
    track, by position and handedness, even if that one has a pose of its own or was missed.
    """
    corrected = dict(poses)

    def cost(track: Track, pose: tuple[int, Region] | None) -> float:
        if pose is None:
            return 0.0
        return mismatch(track, pose[1], seen.p_right[pose[0]], stamp)

    for a, b in combinations(tracks, 2):
        if center_distance(a.predict(stamp), b.predict(stamp)) > SWAP_REACH:
            continue
        pair = (corrected.get(a.track_id), corrected.get(b.track_id))
        now, swapped = (cost(a, p) + cost(b, q) for p, q in permutations(pair))
        if swapped < now - SWAP_GAIN:
            for track, pose in ((a, pair[1]), (b, pair[0])):
                corrected.pop(track.track_id, None)
                if pose is not None:
                    corrected[track.track_id] = pose
    return corrected

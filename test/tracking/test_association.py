"""Which detection or pose belongs to which track."""

from __future__ import annotations

import math

import pytest
from hands_2d import hand_at

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.tracking.association import (
    match,
    match_ended,
    merge_duplicates,
    mismatch,
    same_hand,
    uncross,
)
from hand_pose_25d.tracking.track import Track


def track(track_id: int, u: float, right: float = 0.9, size: float = 100.0) -> Track:
    made = Track.start(track_id, Region((u, 0.0), size), 0.0, right)
    for _ in range(4):
        made.see(Region((u, 0.0), size), 0.0)
        made.believe(right)
    return made


def test_mismatch_counts_distance_and_side() -> None:
    known = track(1, 0)
    p = known.right_probability
    assert mismatch(known, Region((50.0, 0.0), 100.0), p, 0.0) == pytest.approx(0.5)
    assert mismatch(known, Region((0.0, 0.0), 100.0), 0.0, 0.0) == pytest.approx(p)
    unknown = mismatch(known, Region((0.0, 0.0), 100.0), math.nan, 0.0)
    assert 0 < unknown < p, "an unknown side is neither right nor wrong"


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([10.0, 290.0], {0: 1, 1: 2}),
        ([290.0, 10.0], {0: 2, 1: 1}),
        ([10.0, 15.0], {0: 1}),  # one to one: the nearer one
        ([150.0], {}),
        ([], {}),
    ],
)
def test_match(places: list[float], expected: dict[int, int]) -> None:
    regions = [Region((u, 0.0), 100.0) for u in places]
    found = match([track(1, 0), track(2, 300)], regions, [0.9] * len(regions), 0.0)
    assert {i: t.track_id for i, t in found.items()} == expected


@pytest.mark.parametrize(
    ("u", "size", "right", "stamp", "expected"),
    [
        (0.0, 100.0, 0.9, 0.1, True),
        (50.0, 100.0, 0.9, 0.1, True),
        (90.0, 100.0, 0.9, 0.1, False),  # too far in so short a time
        (90.0, 100.0, 0.9, 0.6, True),
        (0.0, 220.0, 0.9, 0.1, False),
        (0.0, 100.0, 0.02, 0.1, False),  # the other side
        (0.0, 100.0, math.nan, 0.1, True),
    ],
)
def test_match_ended(u: float, size: float, right: float, stamp: float, expected: bool) -> None:
    found = match_ended([track(1, 0)], [Region((u, 0.0), size)], [right], stamp)
    assert bool(found) == expected


def test_an_ended_track_goes_to_the_detection_that_fits_best() -> None:
    regions = [Region((60.0, 0.0), 100.0), Region((5.0, 0.0), 100.0)]
    found = match_ended([track(1, 0)], regions, [0.9, 0.9], 0.5)
    assert {i: t.track_id for i, t in found.items()} == {1: 1}


def test_same_hand() -> None:
    assert same_hand(hand_at(0, 0), hand_at(5, 0), 160.0)
    assert not same_hand(hand_at(0, 0), hand_at(60, 0), 160.0)


def test_duplicates_leave_the_older_track() -> None:
    region = Region.from_keypoints(hand_at(0, 0))
    tracks = {1: track(1, 0, size=region.size), 2: track(2, 10, size=region.size)}
    seen = {1: (0, region), 2: (1, region)}
    poses = [hand_at(0, 0), hand_at(2, 0)]
    kept = merge_duplicates(seen, poses, [0.9, 0.9], tracks, {1}, 0.0)
    assert set(kept) == {2}, "1 is new in this image"
    apart = [hand_at(0, 0), hand_at(200, 0)]
    assert set(merge_duplicates(seen, apart, [0.9, 0.9], tracks, set(), 0.0)) == {1, 2}


def test_uncross_exchanges_poses_of_the_wrong_sides() -> None:
    right, left = track(1, 0, 0.95), track(2, 20, 0.05)
    there = Region((10.0, 0.0), 100.0)
    swapped = uncross({1: (0, there), 2: (1, there)}, [0.05, 0.95], [right, left], 0.0)
    assert swapped[1][0] == 1 and swapped[2][0] == 0
    kept = uncross({1: (0, there), 2: (1, there)}, [0.95, 0.05], [right, left], 0.0)
    assert kept[1][0] == 0 and kept[2][0] == 1


def test_uncross_gives_a_pose_to_the_track_that_was_not_seen() -> None:
    right, left = track(1, 0, 0.95), track(2, 20, 0.05)
    only = {1: (0, Region((20.0, 0.0), 100.0))}
    assert set(uncross(only, [0.03], [right, left], 0.0)) == {2}


def test_hands_far_apart_are_not_exchanged() -> None:
    right, left = track(1, 0, 0.95), track(2, 400, 0.05)
    seen = {1: (0, Region((0.0, 0.0), 100.0)), 2: (1, Region((400.0, 0.0), 100.0))}
    assert uncross(seen, [0.05, 0.95], [right, left], 0.0) == seen

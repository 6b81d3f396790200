"""Which detection or pose belongs to which track."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hands_2d import hand_at

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.tracking.association import (
    correct_id_swaps,
    gate,
    match,
    mismatch,
    reidentify,
    suppress_duplicates,
)
from hand_pose_25d.tracking.track import Track


def track(track_id: int, u: float, right: float = 0.9, size: float = 100.0) -> Track:
    made = Track.start(track_id, Region((u, 0.0), size), 0.0, right)
    for _ in range(4):
        made.hit(Region((u, 0.0), size), 0.0)
        made.vote(right)
    return made


def test_mismatch_counts_distance_and_handedness() -> None:
    known = track(1, 0)
    p = known.p_right
    assert mismatch(known, Region((50.0, 0.0), 100.0), p, 0.0) == pytest.approx(0.5)
    assert mismatch(known, Region((0.0, 0.0), 100.0), 0.0, 0.0) == pytest.approx(p)
    unknown = mismatch(known, Region((0.0, 0.0), 100.0), math.nan, 0.0)
    assert 0 < unknown < p, "an unknown handedness fits neither well nor badly"


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
        (0.0, 100.0, 0.02, 0.1, False),  # the other hand
        (0.0, 100.0, math.nan, 0.1, True),
    ],
)
def test_reidentify(u: float, size: float, right: float, stamp: float, expected: bool) -> None:
    found = reidentify([track(1, 0)], [Region((u, 0.0), size)], [right], stamp)
    assert bool(found) == expected


def test_an_ended_track_goes_to_the_detection_that_fits_best() -> None:
    regions = [Region((60.0, 0.0), 100.0), Region((5.0, 0.0), 100.0)]
    found = reidentify([track(1, 0)], regions, [0.9, 0.9], 0.5)
    assert {i: t.track_id for i, t in found.items()} == {1: 1}


@dataclass
class Seen:
    """Observations."""

    p_right: np.ndarray
    extended_2d: np.ndarray
    presence: np.ndarray


def seen(*p_rights: float, places: tuple[float, ...] = ()) -> Seen:
    points = np.array([hand_at(u, 0) for u in places or (0.0,) * len(p_rights)])
    return Seen(np.array(p_rights), points, np.ones(len(p_rights)))


@pytest.mark.parametrize(
    ("places", "fresh", "kept"),
    [((0, 2), {1}, {2}), ((0, 2), {2}, {1}), ((0, 2), set(), {1}), ((0, 200), set(), {1, 2})],
)
def test_duplicates_leave_the_older_or_the_better_track(places, fresh, kept) -> None:
    region = Region.from_keypoints(hand_at(0, 0))
    tracks = {1: track(1, 0, size=region.size), 2: track(2, 30, size=region.size)}
    poses = {1: (0, region), 2: (1, region)}
    left = suppress_duplicates(poses, seen(0.9, 0.9, places=places), tracks, fresh, 0.0)
    assert set(left) == kept


def test_poses_of_the_other_hand_are_exchanged() -> None:
    right, left = track(1, 0, 0.95), track(2, 20, 0.05)
    there = Region((10.0, 0.0), 100.0)
    poses = {1: (0, there), 2: (1, there)}
    swapped = correct_id_swaps(poses, seen(0.05, 0.95), [right, left], 0.0)
    assert swapped[1][0] == 1 and swapped[2][0] == 0
    kept = correct_id_swaps(poses, seen(0.95, 0.05), [right, left], 0.0)
    assert kept[1][0] == 0 and kept[2][0] == 1


def test_a_pose_goes_to_the_missed_track_that_it_fits() -> None:
    right, left = track(1, 0, 0.95), track(2, 20, 0.05)
    only = {1: (0, Region((20.0, 0.0), 100.0))}
    assert set(correct_id_swaps(only, seen(0.03), [right, left], 0.0)) == {2}


def test_hands_far_apart_are_not_exchanged() -> None:
    right, left = track(1, 0, 0.95), track(2, 400, 0.05)
    poses = {1: (0, Region((0.0, 0.0), 100.0)), 2: (1, Region((400.0, 0.0), 100.0))}
    assert correct_id_swaps(poses, seen(0.05, 0.95), [right, left], 0.0) == poses


def without(keypoints: np.ndarray, *unseen: int) -> np.ndarray:
    """The hand, some keypoints of which lie beyond the lens's valid field."""
    keypoints = keypoints.copy()
    keypoints[list(unseen)] = np.nan
    return keypoints


@pytest.mark.parametrize(
    ("keypoints", "presence", "passes"),
    [
        (hand_at(300, 240), 0.9, True),
        (hand_at(300, 240), 0.5, True),
        (hand_at(300, 240), 0.3, False),
        (hand_at(300, 240), math.nan, False),
        (np.full((21, 2), np.nan), 0.99, False),
        (np.full((21, 2), 30.0), 0.99, False),
        (hand_at(900, 240), 0.99, False),
        (without(hand_at(300, 240), 9), 0.9, True),
        (without(hand_at(300, 240), 4, 8, 12, 16, 20), 0.9, True),
        (without(hand_at(300, 240), *range(7)), 0.9, True),
        (without(hand_at(300, 240), *range(11)), 0.9, False),
    ],
)
def test_the_gate(keypoints: np.ndarray, presence: float, passes: bool) -> None:
    region = gate(keypoints, presence, 0.5, (640, 480))
    assert region == (Region.from_keypoints(keypoints) if passes else None)

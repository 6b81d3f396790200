"""One hand through time: prediction, sizes that do not collapse, handedness."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.tracking.track import MAX_LOG_ODDS, MAX_STEP, Track

DT = 1 / 30
HAND = Region((0.0, 0.0), 100.0)


def moving(velocity: tuple[float, float], images: int, size: float = 100.0) -> Track:
    """A track that saw `images` images of a hand of constant velocity, starting at (0, 0)."""
    track = Track.start(1, Region((0.0, 0.0), size), 0.0, 0.9)
    for i in range(images):
        t = i * DT
        track.hit(Region((velocity[0] * t, velocity[1] * t), size), t)
    return track


@pytest.mark.parametrize("velocity", [(0.0, 0.0), (600.0, 0.0), (-300.0, 450.0)])
def test_prediction_of_constant_velocity_is_exact(velocity: tuple[float, float]) -> None:
    track = moving(velocity, 6)
    predicted = track.predict(6 * DT).center
    assert predicted == pytest.approx((velocity[0] * 6 * DT, velocity[1] * 6 * DT), abs=1e-6)


@pytest.mark.parametrize("gap", [1 / 30, 5e-3, 1e-3, 2e-4, 2e-5])
@pytest.mark.parametrize("speed", [0.0, 100.0])
def test_stamps_in_bursts_do_not_throw_the_prediction(speed: float, gap: float) -> None:
    """Every fourth image is stamped right after the one before it; a pixel of noise."""
    random, track, stamp = np.random.default_rng(0), Track.start(1, HAND, 0.0, 0.9), 0.0
    errors = []
    for i in range(200):
        true = i * DT
        stamp = true if i % 4 else stamp + gap
        there = (speed * true + random.normal(0, 1), random.normal(0, 1))
        errors.append(math.dist(track.predict(stamp).center, there) / HAND.size)
        track.hit(Region(there, HAND.size + random.normal(0, 1)), stamp)
    assert max(errors) < 0.11  # of which 0.033 is the motion that the wrong stamp hides


@pytest.mark.parametrize(("rate", "share"), [(30.0, 0.6), (60.0, 0.3675), (10.0, 0.936)])
def test_the_velocity_follows_by_time_not_by_images(rate: float, share: float) -> None:
    track = Track.start(1, HAND, 0.0, 0.9)
    for i in range(3):
        track.hit(HAND, i / rate)
    track.hit(Region((100.0 / rate, 0.0), HAND.size), 3 / rate)
    assert track.velocity[0] == pytest.approx(100 * share, abs=0.1)


def test_a_velocity_over_a_miss_is_measured_from_the_last_pose() -> None:
    track = moving((300.0, 0.0), 6)
    track.miss(6 * DT)
    track.hit(Region((300 * 7 * DT, 0.0), 100.0), 7 * DT)
    assert track.velocity[0] == pytest.approx(0.16 * 0.7 * 300 + 0.84 * 300)


def test_no_prediction_moves_further_than_a_share_of_the_region() -> None:
    track = moving((3000.0, 0.0), 4)
    here, there = track.region.center[0], track.predict(track.stamp + 1.0).center[0]
    assert there - here == pytest.approx(MAX_STEP * track.region.size)


def test_the_detector_gives_no_velocity() -> None:
    track = Track.start(1, Region((0.0, 0.0), 100.0), 0.0, 0.9)
    track.hit(Region((40.0, 0.0), 100.0), DT)  # 40 px off: the detector's error, not a motion
    assert track.velocity == (0.0, 0.0)
    track.hit(Region((45.0, 0.0), 100.0), 2 * DT)
    assert track.velocity[0] == pytest.approx(150.0)


def test_the_size_falls_slowly_and_grows_at_once() -> None:
    track = moving((0.0, 0.0), 3)
    track.hit(Region((0.0, 0.0), 30.0), 3 * DT)  # a fist misjudged
    assert 85 < track.region.size < 100
    track.hit(Region((0.0, 0.0), 150.0), 4 * DT)
    assert track.region.size == 150


def test_missing_moves_on_and_slows_down() -> None:
    track = moving((300.0, 0.0), 5)
    before = track.region.center[0]
    track.miss(5 * DT)
    assert track.region.center[0] == pytest.approx(before + 300 * DT)
    assert track.velocity[0] == pytest.approx(0.7 * 300)
    assert track.misses == 1


@pytest.mark.parametrize(
    ("votes", "is_right"),
    [
        ([0.9] * 5, True),
        ([0.9] * 5 + [0.05], True),  # one wrong image changes nothing
        ([0.9] * 5 + [0.05] * 3, True),
        ([0.9] * 5 + [0.05] * 8, False),  # a wrong decision is overturned in the end
        ([0.1, 0.9, 0.9, 0.9], True),
        ([math.nan] * 4, True),
    ],
)
def test_handedness_is_decided_over_time(votes: list[float], is_right: bool) -> None:
    track = Track.start(1, Region((0.0, 0.0), 100.0), 0.0, votes[0])
    for i, p_right in enumerate(votes):
        track.hit(Region((0.0, 0.0), 100.0), i * DT)
        track.vote(p_right)
    assert track.is_right is is_right
    assert abs(track.log_odds_right) <= MAX_LOG_ODDS


@pytest.mark.parametrize(
    ("votes", "p_right", "passes"),
    [
        ([0.95] * 3, 0.9, True),
        ([0.95] * 3, 0.05, False),
        ([0.05] * 3, 0.95, False),
        ([0.95] * 3, 0.4, True),  # the image is not sure
        ([0.6], 0.05, True),  # the track is not
        ([0.95] * 3, math.nan, True),
    ],
)
def test_the_gate_stops_the_other_hand(votes: list[float], p_right: float, passes: bool) -> None:
    track = Track.start(1, Region((0.0, 0.0), 100.0), 0.0, votes[0])
    for vote in votes:
        track.vote(vote)
    assert track.gate(p_right) is passes


def test_a_hand_at_rest_keeps_its_crop_and_a_moving_one_gets_new_ones() -> None:
    random, track = np.random.default_rng(0), Track.start(1, HAND, 0.0, 0.9)
    crops = []
    for i in range(30):
        crops.append(track.propose(i * DT))
        there = (random.normal(0, 0.7), random.normal(0, 0.7))
        track.hit(Region(there, HAND.size, math.radians(random.normal(0, 1))), i * DT)
    assert len(set(crops)) == 1
    steps = []
    for i in range(30, 60):
        crop = track.propose(i * DT)
        there = (100.0 * (i - 30) * DT, 0.0)
        steps.append(math.dist(crop.center, there) / HAND.size)
        track.hit(Region(there, HAND.size), i * DT)
    assert max(steps) < 0.12
    track.move_to(Region((300.0, 0.0), 100.0), 2.0)
    assert track.propose(2.0).center == (300.0, 0.0)


@pytest.mark.parametrize(
    ("sweeps", "doubtful"),
    [
        ([(0.0, True), (1.0, False), (2.0, False), (2.9, False)], False),
        ([(0.0, True), (1.0, False), (2.0, False), (3.1, False)], True),
        ([(0.0, True), (1.0, False), (2.0, True), (3.1, False)], False),
        ([(0.0, False), (3.0, False)], True),
        ([(0.0, False)], False),
    ],
)
def test_a_hand_is_doubtful_after_two_sweeps_and_two_seconds_without_a_detection(
    sweeps: list[tuple[float, bool]], doubtful: bool
) -> None:
    track = Track.start(1, Region((100.0, 100.0), 80.0, 0.0), 0.0, 0.9)
    track.swept(0.0)  # by the sweep that found it
    for stamp, detected in sweeps:
        track.detected = detected
        track.swept(stamp)
    assert track.is_doubtful(sweeps[-1][0]) == doubtful

"""The tracker, driven by scripts: who is seen where in each image, and what must come out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hands_2d import fist, hand_at

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.tracking.track import center_distance
from hand_pose_25d.tracking.tracker import Observation, TrackedHand, Tracker

DT = 1 / 30
SIZE = (640, 480)


@dataclass
class Hand:
    """A hand of the script: where it is in image i (None: not there) and which it is."""

    path: list[tuple[float, float] | None]
    right: float = 0.9
    size: float = 160.0
    closed: bool = False

    def keypoints(self, i: int) -> np.ndarray | None:
        place = self.path[i]
        if place is None:
            return None
        open_hand = hand_at(*place, self.size)
        return fist(open_hand) if self.closed else open_hand


@dataclass(frozen=True)
class Found:
    """A detection."""

    where: Region
    score: float = 0.9
    right_probability: float = 0.9

    def region(self) -> Region:
        return self.where


class World:
    """Hands, and a pose network that sees the one nearest to each region, if it is near enough."""

    def __init__(
        self, hands: list[Hand], tracker: Tracker, reach: float = 0.4, again: bool = False
    ) -> None:
        """`again`: look for a hand in the image in which it is missed, too."""
        self.hands, self.tracker, self.reach, self.again = hands, tracker, reach, again
        self.detections = 0
        self.proposals: list[int] = []

    def step(self, i: int, blind: bool = False) -> list[TrackedHand]:
        """One image.  `blind`: the detector finds nothing."""
        stamp = i * DT
        there = [(h, k) for h in self.hands if (k := h.keypoints(i)) is not None]
        found = [Found(Region.from_keypoints(k), right_probability=h.right) for h, k in there]
        asked = self.tracker.needs_detection(stamp)
        if asked:
            self.detections += 1
            self.tracker.add_detections([] if blind else found, stamp)
        self.observe(stamp, there)
        missing = self.tracker.missing(self.observations, SIZE)
        if self.again and missing:
            if not asked:
                self.detections += 1
                self.tracker.add_detections([] if blind else found, stamp, missing)
            if self.tracker.retry(missing):
                self.observe(stamp, there)
        return self.tracker.update(stamp, self.observations, SIZE)

    def observe(self, stamp: float, there: list[tuple[Hand, np.ndarray]]) -> None:
        """What the pose network sees where the tracker has it look."""
        proposals = self.tracker.propose(stamp)
        self.proposals.append(len(proposals))
        observations = []
        for proposal in proposals:
            near = [
                (center_distance(proposal.region, Region.from_keypoints(k)), n)
                for n, (_, k) in enumerate(there)
            ]
            if near and min(near)[0] < self.reach:
                hand, keypoints = there[min(near)[1]]
                observations.append(Observation(proposal.track_id, keypoints, 0.95, hand.right))
            else:
                observations.append(
                    Observation(proposal.track_id, np.full((21, 2), 50.0), 0.05, math.nan)
                )
        self.observations = observations

    def play(self) -> list[list[TrackedHand]]:
        """All images."""
        return [self.step(i) for i in range(len(self.hands[0].path))]


def still(u: float, v: float, images: int) -> list[tuple[float, float] | None]:
    return [(u, v)] * images


def line(
    start: tuple[float, float], end: tuple[float, float], images: int
) -> list[tuple[float, float] | None]:
    points = np.linspace(start, end, images)
    return [(float(u), float(v)) for u, v in points]


def test_one_hand_keeps_its_id_and_is_detected_once() -> None:
    world = World([Hand(still(300, 240, 20))], Tracker(max_hands=1, redetect_interval=5.0))
    played = world.play()
    assert {h.track_id for hands in played for h in hands} == {1}
    assert [hands[0].state for hands in played] == ["detected"] + ["tracked"] * 19
    assert world.detections == 1
    assert all(hands[0].is_right for hands in played)


def test_no_hand_asks_the_detector_in_every_image() -> None:
    world = World([Hand([None] * 10)], Tracker())
    assert world.play() == [[]] * 10
    assert world.detections == 10


@pytest.mark.parametrize(
    ("interval", "search", "max_hands", "expected"),
    [(0.5, 0.15, 1, 2), (0.2, 0.15, 1, 5), (5.0, 0.5, 2, 2), (0.0, 0.0, 1, 30)],
)
def test_detections_follow_the_intervals(
    interval: float, search: float, max_hands: int, expected: int
) -> None:
    tracker = Tracker(max_hands, redetect_interval=interval, search_interval=search)
    world = World([Hand(still(300, 240, 30))], tracker)
    world.play()
    assert world.detections == expected


def test_a_lost_hand_ends_within_two_images_and_is_detected_again_at_once() -> None:
    path = still(300, 240, 5) + [None] * 4 + still(150, 240, 3)
    world = World([Hand(path)], Tracker(max_hands=1, redetect_interval=60.0))
    played = world.play()
    assert [h.state for h in played[5]] == ["lost"] and not played[5][0].ended
    assert played[5][0].index is None
    assert [h.state for h in played[6]] == ["lost"] and played[6][0].ended
    assert played[7] == [] == played[8]
    assert [h.state for h in played[9]] == ["detected"], "found in the first image it is back in"


@pytest.mark.parametrize(("jump", "track_id"), [(80, 1), (220, 2)])
def test_a_hand_missed_once_is_looked_for_where_the_detector_sees_it(
    jump: float, track_id: int
) -> None:
    path = still(200, 240, 5) + still(200 + jump, 240, 4)
    world = World([Hand(path)], Tracker(max_hands=1, redetect_interval=60.0), reach=0.3)
    played = world.play()
    assert [h.state for h in played[5]] == ["lost"]
    found = [h for h in played[6] if h.state != "lost"]
    assert [(h.track_id, h.state) for h in found] == [(track_id, "detected")]
    assert [h.track_id for h in played[8]] == [track_id]


def zigzag(step: float, images: int, turn: int = 4) -> list[tuple[float, float] | None]:
    """A waving hand: `step` pixels an image, back after every `turn` of them."""
    places: list[tuple[float, float] | None] = []
    u, sign = 250.0, 1
    for i in range(images):
        places.append((u, 240.0))
        if i and i % turn == 0:
            sign = -sign
        u += sign * step
    return places


@pytest.mark.parametrize("max_hands", [1, 2])
def test_a_hand_that_turns_round_is_found_again_in_the_same_image(max_hands: int) -> None:
    """Constant velocity leads astray at the turning points, where the detector helps out."""
    hand, options = Hand(zigzag(60.0, 24)), {"max_hands": max_hands, "redetect_interval": 9.0}
    before = World([hand], Tracker(**options), reach=0.28).play()
    world = World([hand], Tracker(**options), reach=0.28, again=True)
    now = world.play()
    assert sum(h.state == "lost" for hands in before for h in hands) > 3
    assert [[h.track_id for h in hands] for hands in now] == [[1]] * 24
    assert {h.state for hands in now for h in hands} == {"detected", "tracked"}
    if max_hands == 1:
        assert 2 < world.detections < 12


@pytest.mark.parametrize(("right_again", "ids"), [(0.95, {1, 2}), (0.05, {1})])
def test_a_hand_of_the_other_side_does_not_take_a_missing_ones_place(
    right_again: float, ids: set[int]
) -> None:
    images = 8
    left = Hand([*line((60, 240), (220, 240), 5), None, None, None], right=0.05)
    right = Hand([None] * 5 + [(110.0, 240.0)] * 3, right=right_again)
    world = World([left, right], Tracker(max_hands=2), again=True)
    played = [world.step(i) for i in range(images)]
    sides = {h.track_id: h.is_right for hands in played for h in hands}
    assert set(sides) == ids and not sides[1]
    assert [h.state for h in played[5]] == ["lost"] * (len(ids) - 1) + ["detected"]


def test_missing_hands_are_named() -> None:
    tracker = Tracker(max_hands=2)
    tracker.add_detections([Found(Region((200.0, 240.0), 150.0))], 0.0)
    points = hand_at(200, 240, 100)
    tracker.update(0.0, [Observation(tracker.propose(0.0)[0].track_id, points, 0.9)])
    (proposal,) = tracker.propose(DT)
    assert tracker.missing([Observation(proposal.track_id, points, 0.9)], SIZE) == set()
    assert tracker.missing([Observation(proposal.track_id, points, 0.1)], SIZE) == {1}
    assert tracker.missing([Observation(proposal.track_id, points, 0.9)], (100, 480)) == {1}
    assert tracker.missing([]) == {1}


def test_an_ended_track_is_taken_up_again_with_id_and_side() -> None:
    path = still(300, 240, 5) + [None] * 5 + still(310, 240, 3)
    world = World([Hand(path, right=0.05)], Tracker(max_hands=1))
    played = world.play()
    assert played[-1][0].track_id == 1
    assert not played[-1][0].is_right


@pytest.mark.parametrize("gap", [40, 90])
def test_after_the_memory_an_id_is_not_given_again(gap: int) -> None:
    path = still(300, 240, 5) + [None] * gap + still(300, 240, 3)
    played = World([Hand(path)], Tracker(max_hands=1, memory=1.0)).play()
    assert played[-1][0].track_id == 2


def test_another_hand_does_not_take_over_the_id_of_one_that_left() -> None:
    left = Hand(still(300, 240, 8) + [None] * 8, right=0.05)
    right = Hand([None] * 11 + still(330, 240, 5), right=0.95)
    played = World([left, right], Tracker(max_hands=2)).play()
    assert played[7][0].track_id == 1
    assert played[-1][0].track_id == 2
    assert played[-1][0].is_right


@pytest.mark.parametrize("sides", [(0.05, 0.95), (0.95, 0.05)])
@pytest.mark.parametrize("images", [16, 30, 60])
def test_crossing_hands_keep_ids_and_sides(sides: tuple[float, float], images: int) -> None:
    hands = [
        Hand(line((120, 240), (520, 250), images), right=sides[0]),
        Hand(line((520, 260), (120, 230), images), right=sides[1]),
    ]
    world = World(hands, Tracker(max_hands=2), reach=0.5)
    played = world.play()
    first, last = played[0], played[-1]
    assert [h.track_id for h in last] == [1, 2]
    for track in (0, 1):
        assert first[track].is_right == last[track].is_right
        travelled = last[track].region.center[0] - first[track].region.center[0]
        assert abs(travelled) == pytest.approx(400, abs=15), "each hand went to the other side"


def test_crossing_hands_of_one_side_keep_ids_by_their_motion() -> None:
    hands = [
        Hand(line((120, 180), (520, 300), 40)),
        Hand(line((520, 180), (120, 300), 40)),
    ]
    played = World(hands, Tracker(max_hands=2), reach=0.5).play()
    assert [h.track_id for h in played[-1]] == [1, 2]
    for a, b in zip(played[0], played[-1], strict=True):
        assert abs(a.region.center[0] - b.region.center[0]) == pytest.approx(400, abs=15)


def test_two_tracks_on_one_hand_become_one() -> None:
    one = Hand(line((200, 240), (320, 240), 10) + still(320, 240, 10))
    two = Hand(line((480, 240), (360, 240), 10) + [None] * 10, right=0.9)
    world = World([one, two], Tracker(max_hands=2), reach=1.0)
    played = world.play()
    assert len(played[9]) == 2
    alive = [h for h in played[-1] if h.state != "lost"]
    assert len(alive) == 1


def test_two_detections_of_one_hand_make_one_track() -> None:
    tracker = Tracker(max_hands=2)
    keypoints = hand_at(300, 240)
    region = Region.from_keypoints(keypoints)
    off = Region((region.center[0] + 60, region.center[1]), region.size * 1.1)
    tracker.add_detections([Found(region, 0.9), Found(off, 0.8)], 0.0)
    observations = [Observation(p.track_id, keypoints, 0.9, 0.9) for p in tracker.propose(0.0)]
    hands = tracker.update(0.0, observations, SIZE)
    assert [h.state for h in hands] == ["detected"]


def test_a_closing_hand_keeps_its_region() -> None:
    tracker = Tracker(max_hands=1)
    opened, closed = hand_at(300, 240), fist(hand_at(300, 240))
    tracker.add_detections([Found(Region.from_keypoints(opened))], 0.0)
    sizes = []
    for i in range(60):
        keypoints = opened if i < 5 else closed
        (proposal,) = tracker.propose(i * DT)
        (hand,) = tracker.update(i * DT, [Observation(1, keypoints, 0.9, 0.9)], SIZE)
        sizes.append(hand.region.size)
    assert sizes[-1] > 0.7 * sizes[0], "follows the palm, not the fingertips"
    whole = np.abs(opened - np.array(proposal.region.center)).max()
    assert proposal.region.size / 2 > 0.75 * whole, "the hand still fits when it opens again"


def test_fast_hands_are_followed_by_their_velocity() -> None:
    accelerating = [(60 + 0.55 * i * i, 240.0) for i in range(32)]
    fast = World([Hand(list(accelerating))], Tracker(max_hands=1), reach=0.25)
    ids = {h.track_id for hands in fast.play() for h in hands}
    assert ids == {1}
    assert fast.detections == 1 + 1  # the first image, and once by the interval of a second


def test_more_hands_than_allowed_are_left_out_and_best_scores_come_first() -> None:
    tracker = Tracker(max_hands=2)
    found = [Found(Region((u, 240.0), 80.0), s) for u, s in ((100, 0.5), (300, 0.9), (500, 0.8))]
    tracker.add_detections(found, 0.0)
    assert [p.region.center[0] for p in tracker.propose(0.0)] == [300, 500]


def test_a_hand_that_leaves_the_image_is_lost() -> None:
    path = line((560, 240), (700, 240), 15)
    played = World([Hand(path)], Tracker(max_hands=1)).play()
    assert played[0][0].state == "detected"
    assert not any(h.state != "lost" for h in played[-1])


@pytest.mark.parametrize(
    ("keypoints", "presence"),
    [
        (np.full((21, 2), np.nan), 0.99),
        (np.full((21, 2), 30.0), 0.99),
        (hand_at(300, 240), 0.3),
        (hand_at(300, 240), math.nan),
        (hand_at(900, 240), 0.99),
    ],
)
def test_poses_that_are_not_believed(keypoints: np.ndarray, presence: float) -> None:
    tracker = Tracker(max_hands=1)
    tracker.add_detections([Found(Region((300.0, 240.0), 150.0))], 0.0)
    assert tracker.update(0.0, [Observation(1, keypoints, presence, 0.9)], SIZE) == []
    assert tracker.needs_detection(DT)


def test_a_new_hand_may_need_more_presence_than_one_that_is_followed() -> None:
    tracker = Tracker(max_hands=1, presence_threshold=0.4, start_threshold=0.8)
    region = Region.from_keypoints(hand_at(300, 240))
    for stamp, presence, expected in ((0.0, 0.6, 0), (0.1, 0.9, 1), (0.2, 0.5, 1)):
        if tracker.needs_detection(stamp):
            tracker.add_detections([Found(region)], stamp)
        seen = [
            Observation(p.track_id, hand_at(300, 240), presence, 0.9)
            for p in tracker.propose(stamp)
        ]
        alive = [h for h in tracker.update(stamp, seen, SIZE) if h.state != "lost"]
        assert len(alive) == expected


def test_a_clock_that_goes_back_resets_but_counts_on() -> None:
    world = World([Hand(still(300, 240, 5))], Tracker(max_hands=1))
    world.step(4)
    (hand,) = world.step(1)
    assert hand.track_id == 2 and hand.state == "detected"


def test_equal_stamps_do_not_stop_the_detector_for_ever() -> None:
    tracker = Tracker(max_hands=1, redetect_interval=0.5)
    region, keypoints = Region.from_keypoints(hand_at(300, 240)), hand_at(300, 240)
    asked = []
    for _ in range(40):
        asked.append(tracker.needs_detection(0.0))
        if asked[-1]:
            tracker.add_detections([Found(region)], 0.0)
        tracker.update(0.0, [Observation(1, keypoints, 0.9, 0.9)], SIZE)
    assert asked[0] and 2 <= sum(asked) <= 4


def test_after_a_pause_the_detector_is_asked() -> None:
    tracker = Tracker(max_hands=1, redetect_interval=100.0)
    region = Region.from_keypoints(hand_at(300, 240))
    tracker.add_detections([Found(region)], 0.0)
    tracker.update(0.0, [Observation(1, hand_at(300, 240), 0.9, 0.9)], SIZE)
    assert not tracker.needs_detection(DT)
    assert tracker.needs_detection(5.0)
    assert tracker.propose(5.0)[0].region.center == pytest.approx(region.center, abs=1e-6)


def test_reset_forgets_hands() -> None:
    tracker = Tracker()
    World([Hand(still(300, 240, 5))], tracker).play()
    tracker.reset()
    assert tracker.propose(1.0) == []
    assert tracker.needs_detection(1.0)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"max_hands": 0}, "max_hands"),
        ({"max_hands": 1.5}, "max_hands"),
        ({"max_misses": 0}, "max_misses"),
        ({"redetect_interval": -1.0}, "redetect_interval"),
        ({"redetect_interval": math.nan}, "redetect_interval"),
        ({"memory": math.inf}, "memory"),
        ({"presence_threshold": 0.0}, "presence_threshold"),
        ({"start_threshold": 1.0}, "start_threshold"),
    ],
)
def test_wrong_options_are_named(options: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Tracker(**options)  # type: ignore[arg-type]


def test_wrong_input_is_named() -> None:
    tracker = Tracker()
    with pytest.raises(ValueError, match="stamp"):
        tracker.needs_detection(math.nan)
    tracker.add_detections([Found(Region((300.0, 240.0), 150.0))], 0.0)
    with pytest.raises(ValueError, match=r"\(21, 2\)"):
        tracker.update(0.0, [Observation(1, np.zeros((20, 2)), 0.9)], SIZE)

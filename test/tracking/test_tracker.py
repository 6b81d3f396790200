"""The tracker, driven by scripts: who is seen where in each image, and what must come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hands_2d import fist, hand_at

from hand_pose_25d import Camera, Frame, Region
from hand_pose_25d.geometry.roi import center_distance
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.tracking.track import Proposal, TrackedHand
from hand_pose_25d.tracking.tracker import Tracker

DT = 1 / 30
CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)
IMAGE = np.zeros((480, 640, 3), dtype=np.uint8)
NO_HAND = np.full((21, 2), 50.0)


def frame_at(stamp: float) -> Frame:
    return Frame(IMAGE, CAMERA, stamp)


@dataclass
class Hand:
    """A hand of the script: where it is in image i (None: not there) and which it is."""

    path: list[tuple[float, float] | None]
    p_right: float = 0.9
    size: float = 160.0
    closed: bool = False

    def keypoints(self, i: int) -> np.ndarray | None:
        place = self.path[i]
        if place is None:
            return None
        open_hand = hand_at(*place, self.size)
        return fist(open_hand) if self.closed else open_hand


@dataclass
class Seen:
    """Observations."""

    extended_2d: np.ndarray
    presence: np.ndarray
    p_right: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[tuple[np.ndarray, float, float]]) -> Seen:
        points = np.array([row[0] for row in rows]).reshape(-1, *np.shape(NO_HAND))
        return cls(points, *(np.array([row[i] for row in rows]) for i in (1, 2)))


def found(region: Region, score: float = 0.9, p_right: float = 0.9) -> Detection:
    return Detection((*region.center, 1.0, 1.0), score, p_right, region.angle, region)


class World:
    """Hands, and a pose network that sees the one nearest to each region, if near enough."""

    def __init__(
        self, hands: list[Hand], tracker: Tracker, reach: float = 0.4, again: bool = False
    ) -> None:
        """`again`: the detector finds hands when it runs because one was missed, too."""
        self.hands, self.tracker, self.reach, self.again = hands, tracker, reach, again
        self.detections = 0
        self.proposals: list[list[Proposal]] = []

    def step(self, i: int, period: float = DT) -> list[TrackedHand]:
        """One image of those `period` seconds apart."""
        there = [(h, k) for h in self.hands if (k := h.keypoints(i)) is not None]
        passes = 0

        def detect(frame: Frame, parts: Sequence[int]) -> list[Detection]:
            if not parts or (passes and not self.again):
                return []
            self.detections += 1
            return [found(Region.from_keypoints(k), p_right=h.p_right) for h, k in there]

        def observe(frame: Frame, proposals: Sequence[Proposal]) -> Seen:
            nonlocal passes
            passes += 1
            self.proposals.append(list(proposals))
            return Seen.of([self.see(proposal.region, there) for proposal in proposals])

        return self.tracker.step(frame_at(i * period), detect, observe)[0]

    def see(
        self, region: Region, there: list[tuple[Hand, np.ndarray]]
    ) -> tuple[np.ndarray, float, float]:
        """What the pose network predicts for a region."""
        near = [
            (center_distance(region, Region.from_keypoints(k)), n)
            for n, (_, k) in enumerate(there)
        ]
        if not near or min(near)[0] >= self.reach:
            return NO_HAND, 0.05, math.nan
        hand, keypoints = there[min(near)[1]]
        return keypoints, 0.95, hand.p_right

    def play(self) -> list[list[TrackedHand]]:
        """All images."""
        return [self.step(i) for i in range(len(self.hands[0].path))]


def step(
    tracker: Tracker,
    stamp: float,
    detections: Sequence[Detection],
    see: Callable[[Proposal], tuple[np.ndarray, float, float]],
) -> tuple[list[TrackedHand], list[Proposal], int]:
    """One image; return the hands, the last proposals, and how often the detector ran."""
    asked: list[Frame] = []
    proposed: list[Proposal] = []

    def detect(frame: Frame, parts: Sequence[int]) -> Sequence[Detection]:
        if not parts:
            return []
        asked.append(frame)
        return detections

    def observe(frame: Frame, proposals: Sequence[Proposal]) -> Seen:
        proposed[:] = proposals
        return Seen.of([see(proposal) for proposal in proposals])

    hands, _ = tracker.step(frame_at(stamp), detect, observe)
    return hands, proposed, len(asked)


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


@pytest.mark.parametrize(
    ("period", "max_hands", "redetect", "expected"),
    [(1 / 30, 2, 1.0, 6), (0.2, 2, 1.0, 10), (0.9, 2, 1.0, 10), (0.9, 1, 0.5, 10),
     (0.9, 1, 0.0, 30), (1 / 30, 1, 0.0, 30)],
)  # fmt: skip
def test_slow_images_do_not_get_more_detections(
    period: float, max_hands: int, redetect: float, expected: int
) -> None:
    """One hand in 30 images: at intervals the detector runs on every third image at most."""
    tracker, keypoints, runs = Tracker(max_hands, redetect_interval=redetect), hand_at(300, 240), 0
    for i in range(30):
        hands, _, asked = step(
            tracker, i * period, [found(Region.from_keypoints(keypoints))],
            lambda proposal: (keypoints, 0.95, 0.9),
        )  # fmt: skip
        assert [hand.track_id for hand in hands] == [1]
        runs += asked
    assert runs == expected


def test_a_second_hand_in_slow_images_is_found_within_three() -> None:
    first, second = still(160, 240, 8), [None] * 2 + still(480, 240, 6)
    world = World([Hand(first), Hand(second, 0.1)], Tracker(2))
    played = [world.step(i, 0.2) for i in range(8)]
    assert [len(hands) for hands in played] == [1, 1, 1, 2, 2, 2, 2, 2]
    assert world.detections == 2


@pytest.mark.parametrize(
    ("hands", "max_hands", "expected"),
    [
        (0, 1, [[0, 1], [2], [0], [1], [2], [0], [1], [2]]),
        (1, 2, [[0, 1], [2], [], [], [], [0], [1], [2], [], [], [0]]),
        (1, 1, [[0, 1], *[[]] * 89, [0], [1], [2], []]),
    ],
)
def test_a_detection_in_parts_is_spread_over_images(
    hands: int, max_hands: int, expected: list[list[int]]
) -> None:
    """Two parts of the first image, else one; as often as a whole detection."""
    tracker, keypoints = Tracker(max_hands, detector_parts=3), hand_at(300, 240)
    there, asked = [found(Region.from_keypoints(keypoints))] * hands, []

    def detect(frame: Frame, parts: Sequence[int]) -> list[Detection]:
        asked.append(list(parts))
        return there if parts else []

    for i in range(len(expected)):
        tracker.step(
            frame_at(i * DT), detect, lambda _, p: Seen.of([(keypoints, 0.95, 0.9)] * len(p))
        )
    assert asked == expected


def face_and_hand(
    seconds: float, max_hands: int, confirmed: Callable[[float], bool], interval: float = 3.0
) -> list[list[TrackedHand]]:
    """Play what looks like a hand to the pose network, and from 0.5 s on a hand beside it.

    The detector finds the hand, and what is none at the stamps that `confirmed` says.
    """
    tracker = Tracker(max_hands, redetect_interval=interval, detector_parts=3)
    face, hand = hand_at(160, 240), hand_at(480, 240)

    def observe(frame: Frame, proposals: Sequence[Proposal]) -> Seen:
        sides = [face if p.region.center[0] < 320 else hand for p in proposals]
        return Seen.of([(keypoints, 0.95, 0.9) for keypoints in sides])

    def detect(frame: Frame, parts: Sequence[int]) -> list[Detection]:
        shown = [face] if confirmed(frame.stamp) else []
        shown += [hand] if frame.stamp > 0.5 else []
        return [found(Region.from_keypoints(keypoints)) for keypoints in shown] if parts else []

    return [tracker.step(frame_at(i * DT), detect, observe)[0] for i in range(round(seconds / DT))]


@pytest.mark.parametrize("interval", [0.0, 1.0, 3.0])
def test_what_the_detector_never_confirms_gives_its_place_to_a_hand(interval: float) -> None:
    played = face_and_hand(14.0, 1, lambda stamp: stamp == 0, interval)
    ids = [[h.track_id for h in hands if h.state != "lost"] for hands in played]
    assert all(len(row) == 1 for row in ids)
    swapped = next(i for i, row in enumerate(ids) if row == [2])
    assert 2.0 < swapped * DT < 4 * interval + 2.5
    assert ids[swapped:] == [[2]] * (len(ids) - swapped), "and the hand keeps it"
    assert [(h.track_id, h.state, h.ended) for h in played[swapped]] == [
        (1, "lost", True), (2, "detected", False)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "confirmed", [lambda stamp: True, lambda stamp: int(stamp) % 6 < 3], ids=["always", "at times"]
)
def test_a_hand_that_is_confirmed_keeps_its_place(confirmed: Callable[[float], bool]) -> None:
    played = face_and_hand(14.0, 1, confirmed)
    assert {h.track_id for hands in played for h in hands} == {1}


def test_an_unconfirmed_hand_stays_while_there_is_room() -> None:
    played = face_and_hand(14.0, 2, lambda stamp: stamp == 0)
    assert [h.track_id for h in played[-1]] == [1, 2]
    assert not any(h.ended for hands in played for h in hands)


def test_a_missed_hand_begins_a_detection_in_its_image() -> None:
    tracker, keypoints = Tracker(1, detector_parts=3), hand_at(300, 240)
    asked: list[list[int]] = []

    def detect(frame: Frame, parts: Sequence[int]) -> list[Detection]:
        asked.append(list(parts))
        return [found(Region.from_keypoints(keypoints))] if not frame.stamp else []

    for i in range(5):
        row = (NO_HAND, 0.05, math.nan) if i == 3 else (keypoints, 0.95, 0.9)
        tracker.step(frame_at(i * DT), detect, lambda _, p, row=row: Seen.of([row] * len(p)))
    assert asked == [[0, 1], [], [], [], [0, 1], [0]], "then again, as a hand was missed"


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
def test_a_hand_missed_once_is_sought_where_the_detector_finds_it(
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
def test_a_hand_that_turns_back_is_found_again_in_the_same_image(max_hands: int) -> None:
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


@pytest.mark.parametrize(("p_right_again", "ids"), [(0.95, {1, 2}), (0.05, {1})])
def test_a_hand_of_the_other_handedness_does_not_continue_a_missed_track(
    p_right_again: float, ids: set[int]
) -> None:
    images = 8
    left = Hand([*line((60, 240), (220, 240), 5), None, None, None], p_right=0.05)
    right = Hand([None] * 5 + [(110.0, 240.0)] * 3, p_right=p_right_again)
    world = World([left, right], Tracker(max_hands=2), again=True)
    played = [world.step(i) for i in range(images)]
    is_right = {h.track_id: h.is_right for hands in played for h in hands}
    assert set(is_right) == ids and not is_right[1]
    assert [h.state for h in played[5]] == ["lost"] * (len(ids) - 1) + ["detected"]


@pytest.mark.parametrize(
    ("keypoints", "presence", "runs"),
    [
        (hand_at(200, 240, 100), 0.9, 0),
        (hand_at(200, 240, 100), 0.1, 1),
        (hand_at(700, 240, 100), 0.9, 1),
        (np.full((21, 2), np.nan), 0.9, 1),
    ],
)
def test_the_detector_runs_where_a_tracked_hand_is_missed(keypoints, presence, runs) -> None:
    tracker = Tracker(max_hands=1)
    there = hand_at(200, 240, 100)
    step(tracker, 0.0, [found(Region.from_keypoints(there))], lambda _: (there, 0.9, 0.9))
    assert step(tracker, DT, [], lambda _: (keypoints, presence, 0.9))[2] == runs


def test_an_ended_track_is_reidentified_with_id_and_handedness() -> None:
    path = still(300, 240, 5) + [None] * 5 + still(310, 240, 3)
    world = World([Hand(path, p_right=0.05)], Tracker(max_hands=1))
    played = world.play()
    assert played[-1][0].track_id == 1
    assert not played[-1][0].is_right


@pytest.mark.parametrize("gap", [40, 90])
def test_after_the_memory_an_id_is_not_given_again(gap: int) -> None:
    path = still(300, 240, 5) + [None] * gap + still(300, 240, 3)
    played = World([Hand(path)], Tracker(max_hands=1, memory=1.0)).play()
    assert played[-1][0].track_id == 2


def test_another_hand_does_not_take_over_the_id_of_one_that_left() -> None:
    left = Hand(still(300, 240, 8) + [None] * 8, p_right=0.05)
    right = Hand([None] * 11 + still(330, 240, 5), p_right=0.95)
    played = World([left, right], Tracker(max_hands=2)).play()
    assert played[7][0].track_id == 1
    assert played[-1][0].track_id == 2
    assert played[-1][0].is_right


@pytest.mark.parametrize("p_rights", [(0.05, 0.95), (0.95, 0.05)])
@pytest.mark.parametrize("images", [16, 30, 60])
def test_crossing_hands_keep_ids_and_handedness(
    p_rights: tuple[float, float], images: int
) -> None:
    hands = [
        Hand(line((120, 240), (520, 250), images), p_right=p_rights[0]),
        Hand(line((520, 260), (120, 230), images), p_right=p_rights[1]),
    ]
    world = World(hands, Tracker(max_hands=2), reach=0.5)
    played = world.play()
    first, last = played[0], played[-1]
    assert [h.track_id for h in last] == [1, 2]
    for track in (0, 1):
        assert first[track].is_right == last[track].is_right
        travelled = last[track].region.center[0] - first[track].region.center[0]
        assert abs(travelled) == pytest.approx(400, abs=15), "each hand went to the other side"


def test_crossing_hands_of_one_handedness_keep_ids_by_their_motion() -> None:
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
    two = Hand(line((480, 240), (360, 240), 10) + [None] * 10, p_right=0.9)
    world = World([one, two], Tracker(max_hands=2), reach=1.0)
    played = world.play()
    assert len(played[9]) == 2
    alive = [h for h in played[-1] if h.state != "lost"]
    assert len(alive) == 1


def test_two_detections_of_one_hand_make_one_track() -> None:
    keypoints = hand_at(300, 240)
    region = Region.from_keypoints(keypoints)
    off = Region((region.center[0] + 60, region.center[1]), region.size * 1.1)
    hands, proposals, _ = step(
        Tracker(max_hands=2),
        0.0,
        [found(region, 0.9), found(off, 0.8)],
        lambda _: (keypoints, 0.9, 0.9),
    )
    assert len(proposals) == 2
    assert [h.state for h in hands] == ["detected"]


def test_a_closing_hand_keeps_its_region() -> None:
    tracker = Tracker(max_hands=1)
    opened, closed = hand_at(300, 240), fist(hand_at(300, 240))
    sizes = []
    for i in range(60):
        keypoints = opened if i < 5 else closed
        detections = [found(Region.from_keypoints(opened))]
        (hand,), (proposal,), _ = step(
            tracker, i * DT, detections, lambda _, seen=keypoints: (seen, 0.9, 0.9)
        )
        sizes.append(hand.region.size)
    assert sizes[-1] > 0.7 * sizes[0], "follows the palm, not the fingertips"
    whole = np.abs(opened - np.array(proposal.region.center)).max()
    assert proposal.region.size / 2 > 0.75 * whole, "the hand still fits when it opens again"


def test_fast_hands_are_followed_by_their_velocity() -> None:
    accelerating = [(60 + 0.55 * i * i, 240.0) for i in range(32)]
    fast = World([Hand(list(accelerating))], Tracker(max_hands=1), reach=0.25)
    ids = {h.track_id for hands in fast.play() for h in hands}
    assert ids == {1}
    assert fast.detections == 1  # the first image


def test_more_hands_than_allowed_are_left_out_and_best_scores_come_first() -> None:
    places = ((100, 0.5), (300, 0.9), (500, 0.8))
    detections = [found(Region((u, 240.0), 80.0), score) for u, score in places]
    _, proposals, _ = step(
        Tracker(max_hands=2), 0.0, detections, lambda _: (NO_HAND, 0.05, math.nan)
    )
    assert [p.region.center[0] for p in proposals] == [300, 500]


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
def test_poses_that_do_not_pass_the_gate(keypoints: np.ndarray, presence: float) -> None:
    tracker, detections = Tracker(max_hands=1), [found(Region((300.0, 240.0), 150.0))]
    for i in range(2):
        hands, _, runs = step(tracker, i * DT, detections, lambda _: (keypoints, presence, 0.9))
        assert hands == [] and runs == 1


def test_a_new_hand_may_need_more_presence_than_a_tracked_one() -> None:
    tracker = Tracker(max_hands=1, presence_threshold=0.4, start_threshold=0.8)
    keypoints = hand_at(300, 240)
    detections = [found(Region.from_keypoints(keypoints))]
    for stamp, presence, expected in ((0.0, 0.6, 0), (0.1, 0.9, 1), (0.2, 0.5, 1)):
        hands, _, _ = step(
            tracker, stamp, detections, lambda _, presence=presence: (keypoints, presence, 0.9)
        )
        assert len([h for h in hands if h.state != "lost"]) == expected


def test_a_clock_that_goes_back_resets_but_counts_on() -> None:
    world = World([Hand(still(300, 240, 20))], Tracker(max_hands=1))
    world.step(19)
    (hand,) = world.step(1)
    assert hand.track_id == 2 and hand.state == "detected"


@pytest.mark.parametrize("late", [0.001, 0.007, 0.04, 0.4])
def test_images_out_of_order_are_answered_and_keep_the_ids(late: float, caplog) -> None:
    tracker, keypoints = Tracker(max_hands=1, redetect_interval=100.0), hand_at(300, 240)
    detections = [found(Region.from_keypoints(keypoints))]
    runs, times = 0, []
    for i in range(30):
        stamp = 10 + i * DT - (late if i % 2 else 0.0)
        (hand,), _, asked = step(tracker, stamp, detections, lambda _: (keypoints, 0.9, 0.9))
        assert hand.track_id == 1 and hand.state == ("tracked" if i else "detected")
        runs += asked
        times.append(tracker.clock.now)
    assert runs == 1 and times == sorted(times)
    assert times[-2:] == [10 + 28 * DT, max(10 + 28 * DT, 10 + 29 * DT - late)]
    warned = [record for record in caplog.records if "late" in record.getMessage()]
    assert len(warned) == (late > DT)  # an earlier stamp than the image before it, said once


def test_there_are_never_more_live_hands_than_allowed() -> None:
    """The tracked hand is missed in the first pass; detections then show it and another one."""
    tracker = Tracker(max_hands=1)
    ours, other = hand_at(150, 240, 100), hand_at(480, 240, 90)
    detections = [found(Region.from_keypoints(k)) for k in (ours, other)]

    def see(proposal: Proposal) -> tuple[np.ndarray, float, float]:
        return (ours if proposal.region.center[0] < 320 else other), 0.9, 0.9

    step(tracker, 0.0, detections, see)
    passes: list[int] = []

    def observe(frame: Frame, proposals: Sequence[Proposal]) -> Seen:
        passes.append(len(proposals))
        blind = len(passes) == 1
        return Seen.of([(NO_HAND, 0.05, math.nan) if blind else see(p) for p in proposals])

    hands, _ = tracker.step(frame_at(DT), lambda *_: detections, observe)
    assert passes == [1, 2]
    assert [(h.track_id, h.state, h.ended) for h in hands] == [(1, "detected", False)]
    hands, proposals, _ = step(tracker, 2 * DT, detections, see)
    assert [h.track_id for h in hands] == [1] and len(proposals) == 1


@pytest.mark.parametrize("unseen", [(0,), (9,), (4,), (20,), (5, 9, 13, 17), (0, 1, 2, 3, 4)])
def test_keypoints_beyond_the_lens_do_not_lose_the_hand(unseen: tuple[int, ...]) -> None:
    tracker, keypoints = Tracker(max_hands=2), hand_at(300, 240)
    keypoints[list(unseen)] = np.nan
    detections = [found(Region.from_keypoints(hand_at(u, 240))) for u in (298, 302)]
    for i in range(5):
        hands, _, _ = step(tracker, i * DT, detections, lambda _: (keypoints, 0.9, 0.9))
        assert [h.track_id for h in hands] == [1], "one hand, though two detections show it"
        assert hands[0].state == ("tracked" if i % 5 else "detected")


def test_equal_stamps_do_not_stop_the_detector_for_ever() -> None:
    tracker, keypoints = Tracker(max_hands=1, redetect_interval=0.5), hand_at(300, 240)
    detections = [found(Region.from_keypoints(keypoints))]
    runs = [step(tracker, 0.0, detections, lambda _: (keypoints, 0.9, 0.9))[2] for _ in range(40)]
    assert runs[0] == 1 and 2 <= sum(runs) <= 4


def test_after_a_pause_the_detector_runs() -> None:
    tracker, keypoints = Tracker(max_hands=1, redetect_interval=100.0), hand_at(300, 240)
    region = Region.from_keypoints(keypoints)
    runs = []
    for stamp in (0.0, DT, 5.0):
        _, (proposal,), count = step(
            tracker, stamp, [found(region)], lambda _: (keypoints, 0.9, 0.9)
        )
        runs.append(count)
    assert runs == [1, 0, 1]
    assert proposal.region.center == pytest.approx(region.center, abs=1e-6)


def test_reset_forgets_hands() -> None:
    tracker = Tracker()
    World([Hand(still(300, 240, 5))], tracker).play()
    tracker.reset()
    _, proposals, runs = step(tracker, 1.0, [], lambda _: (NO_HAND, 0.0, math.nan))
    assert proposals == [] and runs == 1


def test_another_image_size_resets() -> None:
    tracker = Tracker()
    World([Hand(still(300, 240, 5))], tracker).play()
    half = Frame(IMAGE[::2, ::2], CAMERA.scaled(0.5), 1.0)
    asked: list[int] = []

    def observe(frame: Frame, proposals: Sequence[Proposal]) -> Seen:
        asked.append(len(proposals))
        return Seen.of([])

    assert tracker.step(half, lambda *_: [], observe)[0] == []
    assert asked == [0]


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


def test_wrong_observations_are_named() -> None:
    detections = [found(Region((300.0, 240.0), 150.0))]
    for rows in (np.zeros((1, 20, 2)), np.zeros((2, 21, 2))):
        seen = Seen(rows, np.ones(len(rows)), np.ones(len(rows)))
        with pytest.raises(ValueError, match=r"\(1, 21, 2\)"):
            Tracker().step(frame_at(0.0), lambda *_: detections, lambda frame, p, s=seen: s)


def test_the_detector_runs_once_an_image_at_most() -> None:
    hand = Hand(zigzag(60.0, 24))
    world = World([hand], Tracker(max_hands=1, redetect_interval=0.0), reach=0.28, again=True)
    for i in range(24):
        before = world.detections
        world.step(i)
        assert world.detections - before <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"presence_threshold": 1.0, "redetect_interval": 1.0},
        {"presence_threshold": 0.5, "redetect_interval": -1.0},
        {"presence_threshold": 0.5, "redetect_interval": math.nan},
    ],
)
def test_tuning_refuses_what_the_constructor_refuses(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="presence_threshold|redetect_interval"):
        Tracker().tune(**changes)

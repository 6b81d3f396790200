"""Tracking metrics, on scripts whose figures can be counted by hand."""

from __future__ import annotations

import pytest
from hands_2d import hand_at

from hand_pose_25d_train.evaluation.project.tracking_metrics import (
    ReportedHand,
    ScoredImage,
    TrackingScore,
    TrueHand,
    runs,
    without_unasked,
)

pytest.importorskip("motmetrics", reason="motmetrics (extra [train]) is not installed")


def truth(u: float, hand_id: int = 7, asked: bool = True) -> TrueHand:
    return TrueHand(hand_id, hand_at(u, 200), True, asked)


def report(u: float, track_id: int = 1, right: bool = True) -> ReportedHand:
    return ReportedHand(track_id, hand_at(u, 200), right)


def score(*clips: list[ScoredImage]) -> TrackingScore:
    made = TrackingScore()
    for clip in clips:
        made.add_clip(clip)
    return made


def test_a_perfect_tracker() -> None:
    clip = [ScoredImage([truth(100 + i)], [report(102 + i)]) for i in range(10)]
    s = score(clip).summary()
    assert (s.images, s.hands, s.misses, s.false_positives, s.switches, s.fragmentations) == (
        10, 10, 0, 0, 0, 0
    )  # fmt: skip
    assert s.mota == s.idf1 == 1.0
    assert s.times_to_detect == (0,) and s.times_to_drop == ()
    assert s.wrong_handedness == 0


def test_times_misses_and_a_switch() -> None:
    there = [truth(100)]
    clip = [
        ScoredImage([], []),
        ScoredImage(there, []),
        ScoredImage(there, []),
        ScoredImage(there, [report(100)]),  # detected after 2 images
        ScoredImage(there, []),  # missed once, followed again
        ScoredImage(there, [report(100)]),
        ScoredImage(there, [report(100, track_id=2, right=False)]),  # another id and handedness
        ScoredImage([], [report(100, track_id=2)]),  # gone, still reported twice
        ScoredImage([], [report(100, track_id=2)]),
        ScoredImage([], []),
    ]
    s = score(clip).summary()
    assert (s.hands, s.misses, s.false_positives, s.switches, s.fragmentations) == (6, 3, 2, 1, 1)
    assert s.mota == pytest.approx(1 - (3 + 2 + 1) / 6)
    assert s.times_to_detect == (2,) and s.times_to_drop == (2,)
    assert s.time_to("detect") == "2.0 / 2"
    assert s.wrong_handedness == 1


def test_hands_that_can_hardly_be_seen_count_neither_way() -> None:
    clip = [
        ScoredImage([truth(100, asked=False)], []),
        ScoredImage([truth(100, asked=False)], [report(100)]),
        ScoredImage([truth(100)], [report(100)]),
        ScoredImage([truth(100, asked=False)], [report(110)]),
        ScoredImage([], []),
    ]
    s = score(clip).summary()
    assert (s.hands, s.misses, s.false_positives, s.switches) == (1, 0, 0, 0)
    assert s.times_to_detect == (0,) and s.times_to_drop == (0,)


def test_a_report_of_an_asked_hand_stays() -> None:
    frame = ScoredImage([truth(100, 1, asked=False), truth(120, 2)], [report(121)])
    assert len(without_unasked(frame)) == 1


def test_hands_never_detected_and_clips_apart() -> None:
    missed = [ScoredImage([truth(100)], [])] * 3
    fine = [ScoredImage([truth(100)], [report(100)])] * 3
    s = score(missed, fine).summary()
    assert s.never_detected == 1 and s.times_to_detect == (0,)
    assert s.mota == pytest.approx(0.5)
    assert s.images == 6


def test_no_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="no clips"):
        TrackingScore().summary()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [([], []), ([0, 1, 1, 0, 1], [(1, 3), (4, 5)]), ([1, 1], [(0, 2)]), ([0], [])],
)
def test_runs(flags: list[int], expected: list[tuple[int, int]]) -> None:
    assert runs([bool(f) for f in flags]) == expected

"""The tracker's clock: it never steps back, and knows a new recording."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_25d.tracking.clock import OUT_OF_ORDER, TrackerClock


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_time_is_the_latest_stamp(stamps: list[float]) -> None:
    clock = TrackerClock()
    times = [clock.advance(stamp) for stamp in stamps]
    assert times == [max(stamps[: i + 1]) for i in range(len(stamps))]
    clock.reset()
    assert math.isnan(clock.now) and clock.advance(stamps[0]) == stamps[0]


@pytest.mark.parametrize(
    ("back", "restarts"), [(-1.0, False), (0.0, False), (0.5, False), (0.501, True), (1e9, True)]
)
def test_a_new_recording_begins_far_back(back: float, restarts: bool) -> None:
    clock = TrackerClock()
    assert not clock.restarts(-1e9)
    clock.advance(128.0)
    assert clock.restarts(128.0 - back) is restarts
    assert OUT_OF_ORDER == 0.5


def test_a_late_image_is_said_once(caplog) -> None:
    clock = TrackerClock()
    for stamp in (1.0, 0.993, 1.1, 1.0):
        clock.advance(stamp)
    assert [r.getMessage()[:27] for r in caplog.records] == ["an image comes 0.007 s late"]

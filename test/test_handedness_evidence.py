"""Handedness as log odds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_25d.handedness import handedness_of, log_odds, probability


@given(st.floats(0, 1), st.floats(0.1, 8))
def test_log_odds_are_odd_and_limited(p: float, limit: float) -> None:
    assert log_odds(p, limit) == pytest.approx(-log_odds(1 - p, limit), abs=1e-6)
    assert abs(log_odds(p, limit)) <= limit


@pytest.mark.parametrize(
    ("p", "odds"), [(0.5, 0.0), (0.9, math.log(9)), (1.0, 5.0), (math.nan, 0)]
)
def test_log_odds(p: float, odds: float) -> None:
    assert log_odds(p, 5.0) == pytest.approx(odds)


def test_probability_is_the_inverse() -> None:
    p = np.array([[0.1, 0.5], [0.8, 0.99]])
    odds = np.array([[log_odds(v, 9.0) for v in row] for row in p])
    np.testing.assert_allclose(probability(odds), p)


def test_the_likelier_hand() -> None:
    assert [handedness_of(p) for p in (0.2, 0.5, 0.7)] == ["left", "right", "right"]

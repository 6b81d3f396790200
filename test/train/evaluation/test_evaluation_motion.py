"""The figures of moving hands, on ones whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d_train.evaluation.project.motion import (
    filtered,
    motion_figures,
    motion_rows,
    speed_class,
)
from hand_pose_25d_train.evaluation.project.motion_tracks import (
    MOVEMENTS,
    RATE,
    ObservedTrack,
    simulated,
)

TRUTH = np.tile(np.linspace(-0.04, 0.04, 21)[:, None] * (1.0, 0.0, 0.0), (40, 1, 1)) + (0, 0, 0.6)
STAMPS = np.arange(40) / RATE
SPEED = np.array([0.3, 0.0, 0.0])


def track(found: np.ndarray, truth: np.ndarray) -> ObservedTrack:
    spread = np.tile(1e-4 * np.eye(3), (len(truth), 21, 1, 1))
    return ObservedTrack(STAMPS, found, spread, np.tile(np.eye(12), (40, 1, 1)), truth, 0.0)


def test_a_hand_an_image_late_is_late_by_one():
    truth = TRUTH + SPEED * (STAMPS - STAMPS.mean())[:, None, None]
    late = truth - SPEED / RATE
    seen = track(late, truth)
    found = motion_figures(late, seen, np.ones(40, dtype=bool))
    assert found.lag == pytest.approx(1.0, abs=0.02)
    assert np.hypot(found.along, found.across) == pytest.approx(10.0, abs=1e-6)  # 0.3 m/s / 30 Hz
    assert found.step < 1e-6


def test_errors_are_split_along_the_ray_and_across():
    ray = TRUTH / np.linalg.norm(TRUTH, axis=-1, keepdims=True)
    seen = track(TRUTH, TRUTH)
    found = motion_figures(TRUTH + 0.02 * ray, seen, STAMPS > 0.5)
    assert found.along == pytest.approx(20.0) and found.across < 1e-6
    found = motion_figures(TRUTH + np.array([0, 0.003, 0]), seen, STAMPS > 0.5)
    assert found.across == pytest.approx(3.0) and found.along < 1e-6
    assert found.scatter < 1e-6
    swing = 0.004 * np.where(np.arange(40) % 2, 1, -1)[:, None, None] * ray
    found = motion_figures(TRUTH + 0.02 * ray + swing, seen, np.ones(40, dtype=bool))
    assert found.scatter == pytest.approx(4.0) and found.step == pytest.approx(8.0)


def test_speed_tells_the_class():
    seen = track(TRUTH, TRUTH + SPEED * STAMPS[:, None, None])
    assert speed_class(0.1, 0.6)(seen).all()
    assert not speed_class(0.0, 0.1)(seen).any() and not speed_class(0.6, np.inf)(seen).any()


def test_a_still_hand_meets_the_goal():
    """At most a third of the jitter (smoothed both ways: 0.4), and no error above the raw one."""
    rng = np.random.default_rng(0)
    hands = [simulated(MOVEMENTS["still"], 0.6, rng) for _ in range(6)]
    rows = motion_rows(hands, lambda seen: seen.stamps > 1.0)
    raw, calm, both = (rows[name] for name in ("raw", "filtered", "smoothed"))
    assert calm.step < raw.step / 3 and both.step < raw.step * 0.4
    assert calm.scatter < raw.scatter / 3.5
    for row in (calm, both):
        assert row.along < raw.along and row.across < raw.across


def test_a_waving_hand_lags_by_less_than_an_image():
    hand = simulated(MOVEMENTS["sideways, up to 0.5 m/s"], 0.6, np.random.default_rng(2), 3.0)
    rows = motion_rows([hand], lambda seen: seen.stamps > 0.7)
    assert abs(rows["filtered"].lag) < 0.3
    assert rows["filtered"].across < rows["raw"].across
    assert rows["filtered"].along < rows["raw"].along


def test_a_hand_that_comes_nearer_lags_by_less_than_an_image():
    """At 1.5 m, where a depth is off by 40 mm: one hand's lag is uncertain by half an image."""
    rng, lags = np.random.default_rng(0), []
    for _ in range(16):
        hand = simulated(MOVEMENTS["along the ray, up to 0.5 m/s"], 1.5, rng)
        lags.append(motion_figures(filtered(hand), hand, hand.stamps >= 1.0).lag)
    assert np.mean(lags) < 1.0

"""The One-Euro filter: jitter, lag, time that jumps, an honest covariance; one for each track."""

from dataclasses import replace

import numpy as np
import pytest
from dot_hands import make_hand
from seen_hands import hand_pose

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.wrist_frame import PALM, wrist_covariance
from hand_pose_25d.inference.landmarks import lost_hand
from hand_pose_25d.tracking.one_euro import OneEuroFilter, OneEuroParameters, Smoothing

SIGMA = np.array([0.0015, 0.0015, 0.008])
COVARIANCE = np.broadcast_to(np.diag(SIGMA**2), (21, 3, 3))
HAND = np.random.default_rng(0).normal(0, 0.04, (21, 3)) + (0, 0, 0.6)


def noisy(rng: np.random.Generator) -> np.ndarray:
    return HAND + SIGMA * rng.standard_normal((21, 3))


def test_a_still_hand_jitters_less():
    rng = np.random.default_rng(1)
    smooth = OneEuroFilter()
    raw = np.array([noisy(rng) for _ in range(300)])
    out = np.array([smooth(i / 30, x, COVARIANCE)[0] for i, x in enumerate(raw)])[30:]
    raw = raw[30:]
    assert np.diff(out, axis=0).std() < 0.3 * np.diff(raw, axis=0).std()
    assert np.abs(out.mean(0) - HAND).max() < 0.003


def test_a_fast_hand_lags_little_and_says_how_much():
    smooth = OneEuroFilter()
    speed = np.array([0.6, 0.0, 0.0])
    for i in range(60):
        moved = HAND + speed * i / 30
        out, covariance = smooth(i / 30, moved, COVARIANCE)
    lag = np.linalg.norm(out - moved, axis=-1)
    assert lag.max() < 0.6 * 0.03  # less than one image's way
    assert (np.sqrt(covariance[:, 0, 0]) > lag).all()
    np.testing.assert_allclose(covariance[:, 1, 1], SIGMA[1] ** 2)


def test_correlated_errors_do_not_average_out():
    """A hand taken for 5 % too large stays 3 cm off: the covariance must not shrink."""
    smooth = OneEuroFilter()
    for i in range(100):
        _, covariance = smooth(i / 30, HAND, COVARIANCE)
    np.testing.assert_allclose(covariance, COVARIANCE, rtol=1e-9)


def test_the_mean_covariance_follows_the_weights():
    smooth = OneEuroFilter(OneEuroParameters(min_cutoff=1.0, beta=0.0))
    smooth(0.0, HAND, COVARIANCE)
    _, covariance = smooth(0.1, HAND, 4 * COVARIANCE)
    weight = 1 / (1 + 1 / (2 * np.pi * 0.1))
    np.testing.assert_allclose(covariance, (1 + 3 * weight) * COVARIANCE)


def test_it_turns_with_the_frame():
    rng = np.random.default_rng(2)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    first, second = OneEuroFilter(), OneEuroFilter()
    for i in range(20):
        points = noisy(rng) + (0.02 * i, 0, 0)
        a, spread_a = first(i / 30, points, COVARIANCE)
        b, spread_b = second(i / 30, points @ rotation.T, rotation @ COVARIANCE @ rotation.T)
    np.testing.assert_allclose(b, a @ rotation.T, atol=1e-12)
    np.testing.assert_allclose(spread_b, rotation @ spread_a @ rotation.T, atol=1e-15)


@pytest.mark.parametrize("stamp", [9.9, -5.0, 10.6, 1e9])
def test_time_that_jumps_starts_anew(stamp):
    smooth = OneEuroFilter()
    for i in range(5):
        smooth(10 + i / 100, HAND, COVARIANCE)
    out, covariance = smooth(stamp, HAND + 0.2, 2 * COVARIANCE)
    np.testing.assert_array_equal(out, HAND + 0.2)
    np.testing.assert_array_equal(covariance, 2 * COVARIANCE)


def test_the_same_stamp_again_gives_the_same():
    smooth = OneEuroFilter()
    smooth(0.0, HAND, COVARIANCE)
    first = smooth(0.03, HAND + 0.01, COVARIANCE)
    again = smooth(0.03, HAND + 0.5, COVARIANCE)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_reset_forgets():
    smooth = OneEuroFilter()
    smooth(0.0, HAND, COVARIANCE)
    smooth.reset()
    np.testing.assert_array_equal(smooth(0.03, HAND + 0.1, COVARIANCE)[0], HAND + 0.1)


def test_a_keypoint_that_is_lost_and_found():
    smooth = OneEuroFilter()
    smooth(0.0, HAND, COVARIANCE)
    lost, spread = HAND.copy(), np.array(COVARIANCE)
    lost[4], spread[4] = np.nan, np.nan
    out, covariance = smooth(0.03, lost, spread)
    assert np.isnan(out[4]).all()
    assert np.isnan(covariance[4]).all()
    assert np.isfinite(np.delete(out, 4, 0)).all()
    out, covariance = smooth(0.06, HAND + 0.05, COVARIANCE)
    np.testing.assert_array_equal(out[4], HAND[4] + 0.05)
    np.testing.assert_array_equal(covariance[4], COVARIANCE[4])
    assert np.isfinite(out).all()
    assert np.abs(out[3] - HAND[3] - 0.05).max() > 1e-3  # the others were smoothed


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"min_cutoff": 0.0}, "min_cutoff"),
        ({"beta": -1.0}, "beta"),
        ({"derivative_cutoff": float("nan")}, "derivative_cutoff"),
        ({"max_gap": float("inf")}, "max_gap"),
    ],
)
def test_settings_are_checked(values, words):
    with pytest.raises(ValueError, match=words):
        OneEuroParameters(**values)


def test_wrong_shapes_and_stamps():
    smooth = OneEuroFilter()
    with pytest.raises(ValueError, match="need keypoints"):
        smooth(0.0, HAND, COVARIANCE[:20])
    with pytest.raises(ValueError, match="stamp"):
        smooth(float("nan"), HAND, COVARIANCE)


POSE = hand_pose(make_hand(), track_id=1)


def test_the_palms_covariance_is_filtered_like_the_keypoints():
    random = np.random.default_rng(3)
    smooth = OneEuroFilter()
    for i in range(40):
        factor = random.normal(0, 0.01, (12, 12))
        palm = factor @ factor.T
        spread = COVARIANCE.copy()
        for k, keypoint in enumerate(PALM):
            spread[keypoint] = palm[3 * k : 3 * k + 3, 3 * k : 3 * k + 3]
        points = noisy(random) + (0.01 * i, 0.0, 0.0)
        covariance = smooth(i / 30, points, spread, palm)[1]
        found = smooth.palm_covariance
        assert np.linalg.eigvalsh(found).min() > 0
        for k, keypoint in enumerate(PALM):
            block = found[3 * k : 3 * k + 3, 3 * k : 3 * k + 3]
            np.testing.assert_allclose(block, covariance[keypoint], rtol=1e-9, atol=1e-15)
    smooth(40 / 30, points, spread)
    assert smooth.palm_covariance is None


def test_a_palm_that_moves_as_a_whole_is_not_rotated_by_the_filter():
    """The same error of all keypoints, and the same lag, leave the rotation's covariance zero."""
    smooth, together = OneEuroFilter(), np.tile(np.diag(SIGMA**2), (4, 4))
    for i in range(30):
        smooth(i / 30, HAND + (0.02 * i, 0.0, 0.0), COVARIANCE, together)
    covariance = wrist_covariance(HAND, smooth.palm_covariance, True)
    assert covariance[0, 0] > SIGMA[0] ** 2
    np.testing.assert_allclose(covariance[3:, 3:], 0.0, atol=1e-9)


def moved(hand, by, track_id=1):
    return replace(hand, keypoints=hand.keypoints + by, track_id=track_id)


def test_each_track_has_its_own_filter():
    smoothing = Smoothing(OneEuroParameters(min_cutoff=0.5, beta=0.0))
    alone = OneEuroFilter(OneEuroParameters(min_cutoff=0.5, beta=0.0))
    for i in range(6):
        step = 0.002 * (-1) ** i
        first, second = smoothing(i / 30, [moved(POSE, step), moved(POSE, 1 + step, 2)])
        expected, covariance = alone(i / 30, POSE.keypoints + step, POSE.covariance)
        np.testing.assert_allclose(first.keypoints, expected)
        np.testing.assert_allclose(first.covariance, covariance)
        np.testing.assert_allclose(second.keypoints, expected + 1)
    assert first.keypoints_2d is POSE.keypoints_2d


def test_without_a_filter_nothing_changes():
    hands = [POSE, moved(POSE, 1.0, 2)]
    assert Smoothing(False)(0.0, hands) == hands


def test_a_lost_hand_passes_and_an_ended_track_is_forgotten():
    smoothing = Smoothing(True)
    smoothing(0.0, [POSE])
    lost = replace(lost_hand(Region((0.0, 0.0), 10.0), 0.9), track_id=1)
    assert smoothing(0.03, [lost])[0] is lost
    assert not np.array_equal(smoothing(0.07, [moved(POSE, 0.01)])[0].keypoints,
                              POSE.keypoints + 0.01)  # fmt: skip
    smoothing(0.1, [])
    np.testing.assert_array_equal(
        smoothing(0.13, [moved(POSE, 0.02)])[0].keypoints, POSE.keypoints + 0.02
    )
    smoothing.reset()
    np.testing.assert_array_equal(smoothing(0.17, [POSE])[0].keypoints, POSE.keypoints)


def test_wrong_smoothing_is_named():
    with pytest.raises(TypeError, match="OneEuroParameters, got float"):
        Smoothing(0.5)

"""The smoother against a dense least-squares solution, and what geometry demands of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hand_pose_25d.archive import smoothing
from hand_pose_25d.archive.smoothing import (
    measured_jitter_share,
    smooth_track,
    smoothed_palm_covariance,
)
from hand_pose_25d.geometry.wrist_frame import PALM

SEEDS = st.integers(0, 2**31)


def track(seed: int, count: int = 12, keypoints: int = 3):
    """A random walk with noise of known, correlated covariance at uneven times."""
    rng = np.random.default_rng(seed)
    stamps = np.cumsum(rng.uniform(0.02, 0.06, count))
    root = rng.normal(size=(count, keypoints, 3, 3)) * 0.004
    covariance = root @ root.swapaxes(-1, -2) + 1e-6 * np.eye(3)
    truth = np.cumsum(rng.normal(size=(count, keypoints, 3)) * 0.005, axis=0) + (0, 0, 0.5)
    noise = np.linalg.cholesky(covariance) @ rng.normal(size=(count, keypoints, 3, 1))
    return stamps, truth + noise[..., 0], covariance


def least_squares(stamps, points, covariance, acceleration):
    """The maximum a posteriori trajectory of one keypoint by one dense solve."""
    count = len(stamps)
    information, right = np.zeros((6 * count, 6 * count)), np.zeros(6 * count)
    for i in range(count):
        if np.isfinite(points[i]).all():
            weight = np.linalg.inv(covariance[i])
            information[6 * i : 6 * i + 3, 6 * i : 6 * i + 3] += weight
            right[6 * i : 6 * i + 3] += weight @ points[i]
        if i + 1 < count:
            move, drift = smoothing._motion(stamps[i + 1] - stamps[i], acceleration)
            row = np.zeros((6, 6 * count))
            row[:, 6 * i : 6 * i + 6], row[:, 6 * i + 6 : 6 * i + 12] = -move, np.eye(6)
            information += row.T @ np.linalg.inv(drift) @ row
    spread = np.linalg.inv(information)
    state = (spread @ right).reshape(count, 6)
    blocks = np.stack([spread[6 * i : 6 * i + 3, 6 * i : 6 * i + 3] for i in range(count)])
    return state[:, :3], blocks


@settings(max_examples=25)
@given(SEEDS, st.lists(st.integers(1, 10), max_size=4))
def test_it_is_the_least_squares_solution(seed, unseen):
    stamps, points, covariance = track(seed)
    points[unseen] = np.nan
    smooth = smooth_track(stamps, points, covariance, 2.0, jitter_share=1.0)
    for k in range(points.shape[1]):
        expected, spread = least_squares(stamps, points[:, k], covariance[:, k], 2.0)
        np.testing.assert_allclose(smooth.keypoints[:, k], expected, atol=2e-6)
        # What has no measurement carries its neighbour's covariance that stays: here none.
        np.testing.assert_allclose(smooth.covariance[:, k], spread, rtol=1e-2, atol=1e-8)


@settings(max_examples=25)
@given(SEEDS)
def test_time_has_no_direction(seed):
    stamps, points, covariance = track(seed)
    forth = smooth_track(stamps, points, covariance)
    back = smooth_track(-stamps[::-1], points[::-1], covariance[::-1])
    np.testing.assert_allclose(back.keypoints[::-1], forth.keypoints, atol=2e-6)
    np.testing.assert_allclose(back.covariance[::-1], forth.covariance, rtol=1e-2, atol=1e-8)


@settings(max_examples=25)
@given(SEEDS)
def test_it_turns_and_moves_with_the_camera(seed):
    stamps, points, covariance = track(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    plain = smooth_track(stamps, points, covariance)
    moved = smooth_track(stamps + 7, points @ turn.T + 0.3, turn @ covariance @ turn.T)
    np.testing.assert_allclose(moved.keypoints, plain.keypoints @ turn.T + 0.3, atol=1e-6)
    np.testing.assert_allclose(
        moved.covariance, turn @ plain.covariance @ turn.T, rtol=1e-3, atol=1e-9
    )


@settings(max_examples=25)
@given(SEEDS)
def test_covariances_are_positive_and_never_above_the_measurements(seed):
    stamps, points, covariance = track(seed, 30)
    smooth = smooth_track(stamps, points, covariance)
    assert np.linalg.eigvalsh(smooth.covariance).min() > 0
    assert np.linalg.eigvalsh(covariance - smooth.covariance).min() > -1e-9


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_palm_goes_together_as_before_and_is_as_sure_as_its_keypoints(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(0, 0.003, (3, 63, 63))
    joint = root @ root.swapaxes(-1, -2) + 1e-7 * np.eye(63)
    blocks = joint.reshape(3, 21, 3, 21, 3).swapaxes(2, 3)
    covariance = np.stack([blocks[:, k, k] for k in range(21)], axis=1)
    palm = blocks[:, PALM][:, :, PALM].swapaxes(2, 3).reshape(3, 12, 12)
    same = smoothed_palm_covariance(palm, covariance, covariance)
    np.testing.assert_allclose(same, palm, rtol=1e-6, atol=1e-12)
    share = rng.uniform(0.2, 1.0, (3, 21, 1, 1))
    found = smoothed_palm_covariance(palm, covariance, share * covariance)
    assert np.linalg.eigvalsh(found).min() > 0
    for i, k in enumerate(PALM):
        own = found[:, 3 * i : 3 * i + 3, 3 * i : 3 * i + 3]
        np.testing.assert_allclose(own, share[:, k] * covariance[:, k], rtol=1e-6)
    covariance[1, PALM[2]] = np.nan
    missing = smoothed_palm_covariance(palm, covariance, covariance)
    np.testing.assert_array_equal(np.isnan(missing).all((1, 2)), [False, True, False])


@pytest.mark.parametrize("speed", [0.0, 1.5])
def test_uniform_motion_stays_as_it_is(speed):
    stamps = np.arange(20) / 30
    points = (0.1, 0.2, 0.5) + speed * stamps[:, None, None] * np.array([1.0, -0.5, 0.2])
    smooth = smooth_track(stamps, points, np.tile(1e-5 * np.eye(3), (20, 1, 1, 1)))
    np.testing.assert_allclose(smooth.keypoints, points, atol=1e-6)


@pytest.mark.parametrize("acceleration, part", [(3.0, 0.8), (None, 0.3)])
def test_a_keypoint_at_rest_is_calmed_and_one_in_motion_is_followed(acceleration, part):
    """The one rests for 4 s, the other waves; then they change."""
    rng, stamps = np.random.default_rng(5), np.arange(240) / 30
    wave = 0.05 * np.sin(9 * stamps)
    truth = np.zeros((240, 2, 3)) + (0.0, 0.0, 0.6)
    truth[120:, 0, 0], truth[:120, 1, 0] = wave[120:] - wave[120], wave[:120] - wave[120]
    jitter = 0.002 * rng.standard_normal((240, 2, 3))
    spread = np.tile(4e-6 * np.eye(3), (240, 2, 1, 1))
    found = smooth_track(stamps, truth + jitter, spread, acceleration, jitter_share=1.0)
    error = np.linalg.norm(found.keypoints - truth, axis=-1)
    error /= np.linalg.norm(jitter, axis=-1).mean()
    rests = np.array([error[10:105, 0].mean(), error[135:230, 1].mean()])
    moves = np.array([error[135:230, 0].mean(), error[10:105, 1].mean()])
    assert (rests < part).all() and (moves < 0.85).all()
    change = np.concatenate([error[110:130, 0], error[110:130, 1]])
    assert change.mean() < 0.9


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 1.0])
def test_the_share_that_is_jitter_is_measured(share):
    """On a moving hand whose covariance is mostly that of its unknown size."""
    rng = np.random.default_rng(4)
    stamps = np.arange(600) / 30
    truth = 0.15 * np.stack([np.sin(3 * stamps), np.cos(2 * stamps), np.sin(stamps)], -1)[:, None]
    covariance = np.tile(np.diag([4e-6, 4e-6, 4e-4]), (600, 21, 1, 1))
    jitter = rng.normal(size=(600, 21, 3)) * np.sqrt(share * np.array([4e-6, 4e-6, 4e-4]))
    found = measured_jitter_share(stamps, truth + jitter, covariance)
    assert found == pytest.approx(share, rel=0.25, abs=0.02)
    smooth = smooth_track(stamps, truth + jitter, covariance)
    # The less jitter, the less is there to gain; it never costs.
    gain = {0.001: 1.0, 0.02: 0.9, 0.3: 0.7, 1.0: 0.65}[share]
    assert np.abs(smooth.keypoints - truth).mean() < gain * np.abs(jitter).mean()
    # A size that is wrong stays wrong: the covariance keeps that part.
    assert smooth.covariance[300, 0, 2, 2] >= (1 - found) * 4e-4


def test_blocks_make_no_difference(monkeypatch):
    stamps, points, covariance = track(3, 400, 2)
    whole = smooth_track(stamps, points, covariance)
    monkeypatch.setattr(smoothing, "BLOCK", 60)
    monkeypatch.setattr(smoothing, "BLOCK_OVERLAP", 40)
    parts = smooth_track(stamps, points, covariance)
    np.testing.assert_allclose(parts.keypoints, whole.keypoints, atol=1e-9)


@pytest.mark.parametrize(
    "unseen, known",
    [
        (slice(5, 8), True),  # 4 steps of 0.1 s: filled in
        (slice(5, 12), False),  # 0.8 s: not
        (slice(0, 3), False),  # before the first
        (slice(17, 20), False),  # behind the last
    ],
)
def test_short_gaps_are_filled_in_and_long_ones_are_not(unseen, known):
    stamps = np.arange(20) / 10
    points = np.tile([0.0, 0.0, 0.4], (20, 2, 1)) + 0.01 * stamps[:, None, None]
    points[unseen, 1] = np.nan
    smooth = smooth_track(stamps, points, np.tile(1e-6 * np.eye(3), (20, 2, 1, 1)))
    assert np.isfinite(smooth.keypoints[:, 0]).all()
    assert np.isfinite(smooth.keypoints[unseen, 1]).all() == known
    assert np.isfinite(smooth.covariance[unseen, 1]).all() == known
    if known:
        np.testing.assert_allclose(smooth.keypoints[unseen, 1], smooth.keypoints[unseen, 0], 1e-6)
        assert smooth.covariance[6, 1, 0, 0] > smooth.covariance[6, 0, 0, 0]


@pytest.mark.parametrize(
    "stamps, shape, message",
    [
        ([0.0, 0.1, 0.1], (3, 21, 3), "must rise"),
        ([0.0, 0.1], (3, 21, 3), r"need keypoints \(N, K, 3\) of 2 stamps"),
        ([0.0, 0.1, 0.2], (3, 21, 2), "need keypoints"),
    ],
)
def test_wrong_tracks_are_named(stamps, shape, message):
    with pytest.raises(ValueError, match=message):
        smooth_track(np.array(stamps), np.zeros(shape), np.zeros((*shape, 3)))

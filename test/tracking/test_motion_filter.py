"""The motion filter: jitter, lag, gaps in time, an honest covariance; one for each track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_hands import hand_pose

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.wrist_frame import PALM, independent
from hand_pose_25d.inference.landmarks import lost_hand
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.tracking.jitter import FIRST_SHARES, JitterShares, Spread
from hand_pose_25d.tracking.motion_filter import FilteredHand, MotionFilter
from hand_pose_25d.tracking.motion_modes import MotionModes, MotionParameters
from hand_pose_25d.tracking.smoothing import Smoothing
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands

SIGMA = np.array([0.002, 0.002, 0.008])
COMMON = 0.02  # m, of the distance, the same for all keypoints
HAND = sample_hands(
    BoneLengthPrior.default(), 1, np.random.default_rng(0), (0.6, 0.6), off_axis=0.2
).keypoints[0]
RATE = 30.0


def ray_axes(points: np.ndarray) -> np.ndarray:
    """Axes (3, 3), as columns: two across the ray to the palm, and along it."""
    ray = points[PALM].mean(0)
    ray = ray / np.linalg.norm(ray)
    side = np.cross([0.0, 1.0, 0.0], ray)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(ray, side), ray], axis=1)


AXES = ray_axes(HAND)
OWN = AXES @ np.diag(SIGMA**2) @ AXES.T
FAR = COMMON**2 * np.outer(AXES[:, 2], AXES[:, 2])
COVARIANCE = np.tile(OWN + FAR, (21, 1, 1))
PALM_COVARIANCE = independent(np.tile(OWN, (21, 1, 1))) + np.tile(FAR, (4, 4))


def noise(rng: np.random.Generator, axes: np.ndarray = AXES) -> np.ndarray:
    """Draw errors (21, 3) of that covariance, along these axes."""
    own = (SIGMA * rng.standard_normal((21, 3))) @ axes.T
    return own + COMMON * rng.standard_normal() * axes[:, 2]


def run(tracks: np.ndarray, parameters: MotionParameters | None = None) -> list[FilteredHand]:
    """Filter a hand; its covariance turns with its ray."""
    one, found = MotionFilter(parameters), []
    for i, points in enumerate(tracks):
        turn = ray_axes(points) @ AXES.T
        whole = np.kron(np.eye(4), turn)
        palm = whole @ PALM_COVARIANCE @ whole.T
        found.append(one(i / RATE, points, turn @ COVARIANCE @ turn.T, palm))
    return found


def moving(velocity, images: int, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A hand of constant velocity over so many images, in its middle at HAND, and as seen."""
    times = (np.arange(images)[:, None, None] - images / 2) / RATE
    return seen_of(HAND + times * np.asarray(velocity), seed)


def seen_of(truth: np.ndarray, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """A hand over images, and as it is seen."""
    if seed is None:
        return truth, truth
    rng = np.random.default_rng(seed)
    return truth, truth + np.array([noise(rng, ray_axes(points)) for points in truth])


def local_errors(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Errors along the axes of each image's ray."""
    return np.array([(f - t) @ ray_axes(t) for f, t in zip(found, truth, strict=True)])


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values).sum(-1).mean()))


def test_a_still_hand_jitters_by_a_third():
    truth, raw = moving((0, 0, 0), 240, 1)
    out = np.array([hand.keypoints for hand in run(raw)])
    steps = [rms(np.diff(track[30:], axis=0)) for track in (raw, out)]
    assert steps[1] < steps[0] / 3, steps
    assert rms(out[30:] - truth[30:]) < 0.65 * rms(raw[30:] - truth[30:])


@settings(max_examples=12)
@given(
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-0.1, 0.25)),
    st.sampled_from([15.0, 30.0, 60.0]),
)
def test_a_constant_velocity_is_tracked_without_bias(velocity, rate):
    one, speed = MotionFilter(), np.array(velocity)
    for i in range(round(2 * rate)):  # to 50 degrees off the axis
        moved = HAND + speed * i / rate
        found = one(i / rate, moved, COVARIANCE, PALM_COVARIANCE)
    # A straight way is no constant velocity of a direction, but nearly one; and a hand that moves
    # by no more than its errors is taken for one at rest.
    assert np.abs(found.keypoints - moved).max() < 0.15 * np.linalg.norm(speed) / rate + 0.003
    np.testing.assert_allclose(found.velocity, np.tile(speed, (21, 1)), atol=0.02)


@pytest.mark.parametrize("velocity", [(0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.3)])
def test_a_moving_hand_is_no_worse_than_as_it_is_seen(velocity):
    truth, raw = moving(velocity, 60, 2)
    found = run(raw)
    out = np.array([hand.keypoints for hand in found])
    for axis in range(3):
        errors = [float(np.std(local_errors(t, truth)[15:, :, axis])) for t in (raw, out)]
        assert errors[1] < errors[0], (axis, errors)
    speeds = np.array([hand.velocity for hand in found])[30:, 0]
    np.testing.assert_allclose(speeds.mean(0), velocity, atol=0.06)


def test_a_sudden_stop_is_over_in_an_image_or_two():
    there = np.concatenate([np.arange(-30, 0), np.zeros(20)])[:, None, None] / RATE
    truth, raw = seen_of(HAND + there * np.array([0.5, 0.0, 0.0]), 3)
    out = np.array([hand.keypoints for hand in run(raw)])
    late = local_errors(out, truth)[:, :, 0].mean(1)
    assert np.abs(late).max() < 0.5 / RATE  # the way of one image
    assert np.abs(late[35:]).max() < 0.004


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_covariances_stay_positive_and_do_not_grow(seed):
    rng, one, stamp = np.random.default_rng(seed), MotionFilter(), 0.0
    for _ in range(25):
        stamp += float(rng.choice([0.001, 1 / 30, 0.1, 0.4, 0.7]))
        points = HAND + rng.normal(0, 0.05, 3) + noise(rng)
        points[rng.integers(0, 21)] = np.nan
        found = one(stamp, points, COVARIANCE, PALM_COVARIANCE)
        values = np.linalg.eigvalsh(found.covariance)
        assert values.min() > 0
        assert np.trace(found.covariance, axis1=1, axis2=2).max() < 1.001 * np.trace(COVARIANCE[0])
        assert np.linalg.eigvalsh(found.palm_covariance).min() > -1e-12
        np.testing.assert_array_equal(np.isfinite(found.keypoints), np.isfinite(points))


def test_what_is_the_same_in_all_images_stays_in_the_covariance():
    """A still hand without jitter may be 2 cm too far throughout."""
    found = run(moving((0, 0, 0), 120)[0])[-1]
    np.testing.assert_allclose(found.covariance, COVARIANCE, rtol=0.01, atol=1e-6)
    np.testing.assert_allclose(found.palm_covariance, PALM_COVARIANCE, rtol=0.02, atol=1e-8)
    rng = np.random.default_rng(4)
    found = run(np.array([HAND + noise(rng) for _ in range(240)]))[-1]
    along = AXES[:, 2] @ found.covariance @ AXES[:, 2]
    assert along.max() < 0.75 * COMMON**2


def test_the_errors_lie_within_what_is_claimed():
    truth, raw = moving((0.2, 0, 0), 200, 5)
    found = run(raw)[30:]
    error = np.array([hand.keypoints for hand in found]) - truth[30:]
    spread = np.array([hand.covariance for hand in found])
    distance = (error * np.linalg.solve(spread, error[..., None])[..., 0]).sum(-1)
    assert 0.88 < (distance < 7.8147).mean() < 1.0


@pytest.mark.parametrize("velocity", [(0, 0, 0), (0.3, 0, 0)])
def test_the_share_of_jitter_is_measured(velocity):
    rng, shares = np.random.default_rng(6), JitterShares()
    np.testing.assert_array_equal(shares.shares, FIRST_SHARES)
    for i in range(150):
        points = HAND + 0.3 * noise(rng) + np.array(velocity) * (i - 75) / RATE
        spread = Spread.of(points, COVARIANCE, PALM_COVARIANCE, 0.0)
        variance = shares(i / RATE, spread)
    assert 0.04 < shares.shares.min() and shares.shares.max() < 0.18
    expected = shares.shares[1] * spread.variance[:21, 2]
    np.testing.assert_allclose(variance[:21, 2], expected)


def test_the_jitter_of_the_distance_is_found_in_two_seconds():
    """Where all of its covariance is new in every image; it starts with a tenth."""
    found = []
    for seed in range(12):
        rng, shares = np.random.default_rng(seed), JitterShares()
        for i in range(60):
            spread = Spread.of(HAND + noise(rng), COVARIANCE, PALM_COVARIANCE, 0.0)
            shares(i / RATE, spread)
        found.append(shares.shares[2])
    assert min(found) > 0.45 and 0.7 < np.median(found) <= 1.0, found


@pytest.mark.parametrize("rate", [15.0, 30.0])
def test_waving_is_not_taken_for_jitter(rate):
    rng, shares = np.random.default_rng(8), JitterShares()
    for i in range(150):
        wave = 0.08 * np.sin(2 * np.pi * 2.0 * i / rate)  # up to 1 m/s
        points = HAND + 0.3 * noise(rng) + (wave, 0, 0)
        shares(i / rate, Spread.of(points, COVARIANCE, PALM_COVARIANCE, 0.0))
    assert shares.shares[0] < 0.2


def test_the_part_of_the_size_is_left_out():
    whole = Spread.of(HAND, COVARIANCE, PALM_COVARIANCE, 0.0)
    sized = Spread.of(HAND, COVARIANCE, PALM_COVARIANCE, 0.01**2)
    distance = whole.measured[21, 2]
    assert distance == pytest.approx(float(HAND[PALM, 2].mean()))
    taken = whole.variance[21, 2] - sized.variance[21, 2]
    assert taken == pytest.approx(1.35 * 0.01**2 * distance**2)
    assert sized.variance.min() > 0
    assert Spread.of(HAND, COVARIANCE, PALM_COVARIANCE, 1.0).variance.min() > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_directions_and_depths_have_the_variances_of_what_they_are(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(0, 0.003, (21, 3, 3))
    covariance = root @ root.swapaxes(1, 2)
    spread = Spread.of(HAND, covariance, None, 0.0)
    x, y, z = HAND.T
    zero, one = np.zeros(21), np.ones(21)
    rows = [[1 / z, zero, -x / z**2], [zero, 1 / z, -y / z**2], [zero, zero, one]]
    slope = np.moveaxis(np.array(rows), -1, 0)
    expected = np.diagonal(slope @ covariance @ slope.swapaxes(1, 2), axis1=1, axis2=2)
    np.testing.assert_allclose(spread.whole, np.maximum(expected, 1e-12), rtol=1e-6)
    points = np.stack([spread.measured[:21, 0] * z, spread.measured[:21, 1] * z, z], axis=-1)
    np.testing.assert_allclose(points, HAND, atol=1e-12)
    np.testing.assert_allclose(spread.measured[:21, 2] + spread.measured[21, 2], z)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.001, 3), st.floats(0.001, 3), st.floats(0.1, 30), st.floats(0.1, 30))
def test_modes_follow_one_another_as_a_markov_chain(first, second, calm, slow):
    modes = MotionModes(MotionParameters(calm_time=calm, slow_time=slow))
    one, other = modes.transition(first), modes.transition(second)
    np.testing.assert_allclose(one.sum(1), 1.0)
    assert one.min() > -1e-12
    np.testing.assert_allclose(one @ other, modes.transition(first + second), atol=1e-9)
    share = np.array([calm, slow, 0.5]) / (calm + slow + 0.5)  # of time, in the long run
    np.testing.assert_allclose(share @ one, share, atol=1e-9)


def test_time_that_stands_still_goes_back_or_jumps():
    one = MotionFilter()
    first = one(0.0, HAND, COVARIANCE, PALM_COVARIANCE)
    np.testing.assert_array_equal(first.keypoints, HAND)
    assert np.isnan(first.velocity).all()
    second = one(0.033, HAND + 0.01, COVARIANCE, PALM_COVARIANCE)
    assert one(0.033, HAND + 0.5, COVARIANCE, PALM_COVARIANCE) is second
    assert np.isfinite(second.velocity).all()
    for stamp in (0.02, 1.0):  # back, then a gap
        again = one(stamp, HAND + 0.1, COVARIANCE, PALM_COVARIANCE)
        np.testing.assert_array_equal(again.keypoints, HAND + 0.1)
        assert np.isnan(again.velocity).all()
    with pytest.raises(ValueError, match="finite number of seconds, got nan"):
        one(float("nan"), HAND, COVARIANCE)


def test_a_keypoint_out_of_sight_starts_anew_and_a_broken_palm_starts_all():
    one, hidden, broken = MotionFilter(), HAND.copy(), HAND.copy()
    hidden[8], broken[5] = np.nan, np.nan
    for i in range(5):
        one(i / RATE, HAND, COVARIANCE, PALM_COVARIANCE)
    found = one(5 / RATE, hidden, COVARIANCE, PALM_COVARIANCE)
    assert np.isnan(found.keypoints[8]).all() and np.isfinite(found.keypoints[7]).all()
    back = one(6 / RATE, HAND + (0.02, 0, 0), COVARIANCE, PALM_COVARIANCE)
    np.testing.assert_allclose(back.keypoints[8], HAND[8] + (0.02, 0, 0), atol=1e-3)
    assert np.abs(back.keypoints[7] - HAND[7] - (0.02, 0, 0)).max() > 1e-5
    raw = one(7 / RATE, broken, COVARIANCE, PALM_COVARIANCE)
    np.testing.assert_array_equal(raw.keypoints, broken)
    fresh = one(8 / RATE, HAND, COVARIANCE, PALM_COVARIANCE)
    np.testing.assert_array_equal(fresh.keypoints, HAND)


@pytest.mark.parametrize("name", list(vars(MotionParameters())))
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_wrong_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number above 0"):
        MotionParameters(**{name: value})


def seen(offset: float, track_id: int = 1):
    joint = np.kron(np.eye(21), OWN) + np.tile(FAR, (21, 21))
    changes = {
        "covariance": COVARIANCE, "palm_covariance": PALM_COVARIANCE, "joint_covariance": joint,
    }  # fmt: skip
    return hand_pose(HAND + offset, track_id=track_id, **changes)


def test_each_track_has_its_own_filter_and_ended_ones_are_forgotten():
    smoothing, rng = Smoothing(True), np.random.default_rng(7)
    for i in range(6):
        one, other = smoothing(i / RATE, [seen(0.0), seen(0.05 + 0.01 * rng.normal(), 2)])
    np.testing.assert_allclose(one.keypoints, HAND, atol=1e-6)
    joint = other.joint_covariance.reshape(21, 3, 21, 3)
    own = np.array([joint[k, :, k] for k in range(21)])
    np.testing.assert_allclose(own, other.covariance, rtol=1e-9)
    np.testing.assert_allclose(one.wrist_velocity, 0.0, atol=1e-4)
    assert other.covariance[0].trace() < COVARIANCE[0].trace()
    lost = lost_hand(Region((0.0, 0.0), 10.0), 0.5)
    assert smoothing(0.21, [replace(lost, track_id=1)])[0].track_id == 1
    smoothing(0.23, [])
    np.testing.assert_array_equal(smoothing(0.25, [seen(0.2)])[0].keypoints, HAND + 0.2)
    smoothing.reset()
    assert np.isnan(smoothing(0.27, [seen(0.3)])[0].wrist_velocity).all()


def test_without_smoothing_there_are_velocities_alone():
    smoothing = Smoothing(False)
    for i in range(12):
        hand = seen(0.01 * i)
        (found,) = smoothing(i / RATE, [hand])
    assert found.keypoints is hand.keypoints and found.covariance is hand.covariance
    np.testing.assert_allclose(found.wrist_velocity, 0.3, atol=0.03)


def test_wrong_smoothing_is_named():
    with pytest.raises(TypeError, match="true, false or MotionParameters, got float"):
        Smoothing(0.5)

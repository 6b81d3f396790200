"""From 2.5D to metres: exact without noise, accurate and honest with it, calm with nonsense."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.error_model import INDEPENDENT, NETWORK, ErrorModel
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d.reconstruction.reconstruct import METHODS, reconstruct
from hand_pose_25d.skeleton import PARENTS
from hand_pose_25d_train.evaluation.project.geometry import judge
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands
from hand_pose_25d_train.evaluation.project.simulated_poses import (
    Noise,
    SimulatedPoses,
    noisy_observation,
)

PRIOR = BoneLengthPrior.default()
ROUNDS = 20  # of measuring
EXACT = Noise(pixels=0.0, depth=0.0)
TYPICAL = Noise(pixels=1.5, depth=0.004, focal=600.0)


def exact(lengths: np.ndarray) -> list[BoneLengthPrior]:
    return [BoneLengthPrior.exact(row) for row in lengths]


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(0)
    hands = sample_hands(PRIOR, 2000, rng, (0.4, 0.9))
    return hands, noisy_observation(hands, TYPICAL, rng)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_round_trip_is_exact(seed):
    """Any hand, left and right, 0.15-3 m, anywhere in a view of 100 degrees."""
    rng = np.random.default_rng(seed)
    hands = sample_hands(PRIOR, 100, rng, (0.15, 3.0), np.radians(50))
    found = noisy_observation(hands, EXACT, rng).solve(exact(hands.lengths))
    assert found.valid.all()
    assert np.abs(found.keypoints - hands.keypoints).max() < 1e-9
    assert np.abs(found.root_depth - hands.keypoints[:, 0, 2]).max() < 1e-9
    np.testing.assert_allclose(found.scale, hands.lengths[:, 4], atol=1e-9)


def test_round_trip_of_the_closed_form():
    rng = np.random.default_rng(1)
    hands = sample_hands(PRIOR, 500, rng, (0.15, 3.0))
    found = noisy_observation(hands, EXACT, rng).solve(exact(hands.lengths), "closed_form")
    error = np.abs(found.keypoints - hands.keypoints).max((1, 2))
    assert np.nanmedian(error) < 1e-12
    assert np.mean(error < 1e-9) > 0.97  # else the paper's larger root is the wrong one


def test_accuracy_under_noise_with_true_bone_lengths(noisy):
    hands, poses = noisy
    found = judge(poses.solve(exact(hands.lengths)), hands.keypoints)
    assert found["depth median"] < 8.0
    assert found["depth 95 %"] < 35.0
    assert found["failed"] == 0.0
    paper = judge(poses.solve(exact(hands.lengths), "closed_form"), hands.keypoints)
    assert paper["depth median"] > 1.5 * found["depth median"]
    assert paper["depth 95 %"] > 3 * found["depth 95 %"]


def test_covariance_is_calibrated(noisy):
    hands, poses = noisy
    known = judge(poses.solve(exact(hands.lengths)), hands.keypoints)
    assert 0.92 < known["in ellipsoid"] < 0.97
    people = [BoneLengthPrior.exact(row, PRIOR.ruler) for row in hands.lengths]
    length = [PRIOR.with_hand_length(person.hand_length) for person in people]
    assert 0.92 < judge(poses.solve(length), hands.keypoints)["in ellipsoid"] < 0.97
    population = judge(poses.solve(PRIOR), hands.keypoints)
    assert 0.90 < population["in ellipsoid"] < 0.97
    paper = judge(poses.solve(exact(hands.lengths), "closed_form"), hands.keypoints)
    assert 0.85 < paper["in ellipsoid"] < 0.97


@pytest.mark.parametrize("noise", [Noise(0.5, 0.002), Noise(3.0, 0.004), Noise(1.5, 0.010)])
def test_depth_is_unbiased_and_calibrated_under_other_noise(noise):
    rng = np.random.default_rng(2)
    hands = sample_hands(PRIOR, 1000, rng, (0.4, 0.9))
    found = noisy_observation(hands, noise, rng).solve(exact(hands.lengths))
    ratio = found.root_depth / hands.keypoints[:, 0, 2]
    assert abs(np.nanmedian(ratio) - 1) < 0.012
    assert 0.90 < judge(found, hands.keypoints)["in ellipsoid"] < 0.98
    sigmas = (found.root_depth - hands.keypoints[:, 0, 2]) / np.sqrt(found.covariance[:, 0, 2, 2])
    assert 0.8 < np.nanstd(sigmas) < 1.25


def test_unequal_noise_is_weighted():
    """One keypoint an occluder hides: told so, the others do not suffer."""
    rng = np.random.default_rng(3)
    hands = sample_hands(PRIOR, 500, rng, (0.4, 0.9))
    poses = noisy_observation(hands, TYPICAL, rng)
    truth = exact(hands.lengths)
    clean = judge(poses.solve(truth), hands.keypoints)
    xy, depth = poses.xy.copy(), poses.relative_depth.copy()
    xy[:, 8] += 0.03 * rng.standard_normal((500, 2))
    depth[:, 8] += 0.4 * rng.standard_normal(500)
    xy_covariance, depth_variance = poses.xy_covariance.copy(), poses.depth_variance.copy()
    xy_covariance[:, 8] += np.eye(2) * 0.03**2
    depth_variance[:, 8] += 0.4**2
    told = judge(
        SimulatedPoses(xy, depth, xy_covariance, depth_variance).solve(truth), hands.keypoints
    )
    alike = SimulatedPoses(xy, depth, poses.xy_covariance, poses.depth_variance)
    untold = judge(alike.solve(truth), hands.keypoints)
    assert told["depth median"] < 1.1 * clean["depth median"]
    assert untold["depth median"] > 1.5 * clean["depth median"]
    assert told["in ellipsoid"] > 0.92


def test_a_wrong_hand_size_moves_the_hand_in_proportion():
    rng = np.random.default_rng(4)
    hands = sample_hands(PRIOR, 300, rng, (0.6, 0.6))
    poses = noisy_observation(hands, Noise(0.3, 0.001), rng)
    true, wrong = poses.solve(exact(hands.lengths)), poses.solve(exact(1.05 * hands.lengths))
    assert np.median(wrong.root_depth - true.root_depth) == pytest.approx(0.03, abs=0.002)


def test_scale_invariance_of_a_whole_scene():
    rng = np.random.default_rng(5)
    hands = sample_hands(PRIOR, 50, rng)
    poses = noisy_observation(hands, TYPICAL, rng)
    once = poses.solve(BoneLengthPrior(PRIOR.mean, PRIOR.covariance))
    twice = poses.solve(BoneLengthPrior(1.5 * PRIOR.mean, 2.25 * PRIOR.covariance))
    np.testing.assert_allclose(twice.keypoints, 1.5 * once.keypoints, rtol=1e-6)
    np.testing.assert_allclose(twice.covariance, 2.25 * once.covariance, rtol=1e-4, atol=1e-12)


def test_left_hands_are_mirror_images():
    rng = np.random.default_rng(6)
    hands = sample_hands(PRIOR, 50, rng)
    poses = noisy_observation(hands, TYPICAL, rng)
    mirrored = SimulatedPoses(
        poses.xy * (-1, 1), poses.relative_depth, poses.xy_covariance, poses.depth_variance
    )
    found, swapped = poses.solve(PRIOR), mirrored.solve(PRIOR)
    np.testing.assert_allclose(swapped.keypoints, found.keypoints * (-1, 1, 1), atol=1e-9)


def test_a_batch_is_its_hands(noisy):
    hands, poses = noisy
    whole = poses.take(slice(130)).solve(exact(hands.lengths[:130]))
    for i in (0, 63, 64, 129):
        one = poses.take(slice(i, i + 1)).solve(BoneLengthPrior.exact(hands.lengths[i]))
        for single, row in zip(one[:-1], whole[:-1], strict=True):  # all but the bones
            np.testing.assert_allclose(single[0], row[i], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_unseen_keypoints_are_nan_and_the_rest_stays(noisy, method):
    hands, poses = noisy
    poses = poses.take(slice(100))
    truth = exact(hands.lengths[:100])
    complete = poses.solve(truth, method).valid.mean()
    xy, variance = poses.xy.copy(), poses.depth_variance.copy()
    xy[:, 8] = np.nan
    variance[:, 13] = np.inf
    holes = SimulatedPoses(xy, poses.relative_depth, poses.xy_covariance, variance)
    found = holes.solve(truth, method)
    assert found.valid.mean() == complete > 0.9
    unseen = np.isin(np.arange(21), [8, 13])
    assert np.isnan(found.keypoints[:, unseen]).all()
    assert np.isnan(found.covariance[:, unseen]).all()
    assert np.isfinite(found.keypoints[found.valid][:, ~unseen]).all()
    error = np.abs(found.root_depth - hands.keypoints[:100, 0, 2])
    assert np.nanmedian(error) < (0.012 if method == "map" else 0.03)


def degenerate() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    hand = encode(sample_hands(PRIOR, 1, np.random.default_rng(7)).keypoints)
    xy, depth = hand.xy[0], hand.relative_depth[0]
    reference = depth.copy()
    reference[5] = 1.2  # longer in depth than the reference bone: negative discriminant
    return {
        "all in one point": (np.zeros((21, 2)), np.zeros(21)),
        "all on one ray": (np.zeros((21, 2)), np.linspace(0, 2, 21)),
        "reference bone on its ray": (np.where(np.arange(21)[:, None] == 5, xy[0], xy), depth),
        "no root": (xy, reference),
        "far behind the root": (xy, depth - 50 * (np.arange(21) > 0)),
        "far before the root": (xy, depth + 50 * (np.arange(21) > 0)),
        "infinite": (np.full((21, 2), np.inf), depth),
        "nan": (xy, np.full(21, np.nan)),
        "huge": (xy * 1e6, depth),
        "tiny": (xy * 1e-6, depth * 0),
        "only the wrist": (np.where(np.arange(21)[:, None] > 0, np.nan, xy), depth),
        "no wrist": (np.where(np.arange(21)[:, None] > 0, xy, np.nan), depth),
        "large image, flat": (xy * 30, depth * 0),
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", degenerate())
@pytest.mark.parametrize("prior", [PRIOR, BoneLengthPrior.exact(PRIOR.mean)])
def test_degenerate_hands_are_finite_and_unsure_or_nan(name, method, prior):
    xy, depth = degenerate()[name]
    covariance, variance = np.tile(np.eye(2) * 6e-6, (21, 1, 1)), np.full(21, 1.6e-3)
    found = reconstruct(xy[None], depth[None], covariance[None], variance[None], prior, method)
    numbers = np.concatenate([found.keypoints[0].ravel(), found.covariance[0].ravel()])
    if not found.valid[0]:
        assert np.isnan(numbers).all()
        assert np.isnan(found.root_depth[0])
        return
    seen = np.isfinite(xy).all(-1) & np.isfinite(depth)
    assert np.isfinite(found.keypoints[0, seen]).all()
    assert (found.keypoints[0, seen, 2] > 0).all()
    values = np.linalg.eigvalsh(found.covariance[0, seen])
    assert (values > -1e-12).all()


def test_a_reference_bone_seen_end_on_is_no_surprise():
    """The other bones tell the default method; the closed form mostly gives up."""
    rng = np.random.default_rng(8)
    hands = sample_hands(PRIOR, 4000, rng, (0.4, 0.9))
    poses = noisy_observation(hands, TYPICAL, rng)
    pose = encode(hands.keypoints)
    vector = hands.keypoints[:, 5] - hands.keypoints[:, 0]
    end_on = np.abs(vector[:, 2]) > 0.97 * pose.scale  # within 14 degrees of the view's axis
    assert end_on.sum() > 60
    chosen = np.flatnonzero(end_on)
    truth = exact(hands.lengths[chosen])
    figures = judge(poses.take(chosen).solve(truth), hands.keypoints[chosen])
    assert figures["failed"] == 0.0
    assert figures["in ellipsoid"] > 0.92
    assert figures["depth median"] < 15.0
    paper = poses.take(chosen).solve(truth, "closed_form")
    assert 0.4 < (~paper.valid).mean() < 1.0


@given(seed=st.integers(0, 10**6), size=st.floats(1e-3, 1e3))
@settings(max_examples=60)
def test_random_numbers_never_raise(seed, size):
    rng = np.random.default_rng(seed)
    xy = rng.standard_normal((5, 21, 2)) * size
    depth = rng.standard_normal((5, 21)) * size
    spread = rng.standard_normal((5, 21, 2, 2))  # not even symmetric
    variance = rng.standard_normal((5, 21))
    xy[rng.random(xy.shape) < 0.02] = np.nan
    for method in METHODS:
        found = reconstruct(xy, depth, spread, variance, PRIOR, method)
        good = found.keypoints[found.valid]
        assert (good[np.isfinite(good).all(-1)][:, 2] > 0).all()
        assert np.isnan(found.keypoints[~found.valid]).all()


def test_no_hands_at_all():
    found = reconstruct(
        np.zeros((0, 21, 2)), np.zeros((0, 21)), np.zeros((0, 21, 2, 2)), np.zeros((0, 21)), PRIOR
    )
    assert found.keypoints.shape == (0, 21, 3)
    assert found.covariance.shape == (0, 21, 3, 3)
    assert found.valid.shape == (0,)


@pytest.mark.parametrize("field", range(4))
def test_wrong_shapes_are_named(field):
    arrays = [np.zeros((2, 21, 2)), np.zeros((2, 21)), np.zeros((2, 21, 2, 2)), np.zeros((2, 21))]
    name = ("xy", "relative_depth", "xy_covariance", "depth_variance")[field]
    arrays[field] = np.zeros((2, 20))
    with pytest.raises(ValueError, match=f"{name} must have the shape"):
        reconstruct(*arrays, PRIOR)


def test_wrong_method_and_number_of_priors():
    arrays = [np.zeros((2, 21, 2)), np.zeros((2, 21)), np.zeros((2, 21, 2, 2)), np.zeros((2, 21))]
    with pytest.raises(ValueError, match="known: map, closed_form"):
        reconstruct(*arrays, PRIOR, method="magic")
    with pytest.raises(ValueError, match="for each of 2 hands, got 3"):
        reconstruct(*arrays, [PRIOR] * 3)


def test_bones_keep_their_lengths(noisy):
    """With exact bone lengths the answer has those lengths, whatever the noise."""
    hands, poses = noisy
    found = poses.take(slice(200)).solve(exact(hands.lengths[:200]))
    bones = found.keypoints[:, 1:] - found.keypoints[:, list(PARENTS[1:])]
    error = np.linalg.norm(bones, axis=-1) / hands.lengths[:200] - 1
    # Not to the digit: the mean of a bone's length under noise is held, not the mode's.
    assert np.median(np.abs(error)) < 0.05


def test_a_thousand_hands_in_one_call_are_cheaper_than_alone(noisy):
    _, poses = noisy
    batch, alone = poses.take(slice(1000)), poses.take(slice(1))

    def seconds(what: SimulatedPoses) -> float:
        start = time.thread_time()
        what.solve(PRIOR)
        return time.thread_time() - start

    def operation() -> float:
        start = time.thread_time()
        for _ in range(200):
            matrices @ matrices
        return (time.thread_time() - start) / 200

    assert batch.solve(PRIOR).valid.all()
    # Ratios, since machines differ: a hand in a batch costs less than one alone, and one alone no
    # more than some hundred small array operations.  All are measured in turn, and the best count.
    matrices = np.random.default_rng(0).standard_normal((21, 3, 3))
    single, many, one = np.inf, np.inf, np.inf
    for _ in range(ROUNDS):
        single = min(single, *(seconds(alone) for _ in range(10)))
        many = min(many, seconds(batch) / 1000)
        one = min(one, operation())
        print(f"alone {single / one:.0f} operations, in a batch {many / one:.0f}")
        if many < 0.9 * single and single < 1500 * one:
            return
    raise AssertionError(f"alone {1e3 * single:.2f} ms, in a batch {1e3 * many:.2f} ms")


def test_errors_that_go_together_are_weighed_so():
    """Noise as alike as a network's: the true model is accurate and calibrated."""
    rng = np.random.default_rng(10)
    hands = sample_hands(PRIOR, 1000, rng, (0.4, 0.9))
    truth, noise = exact(hands.lengths), Noise(3.0, 0.012)
    clean = noisy_observation(hands, EXACT, rng)
    told = noisy_observation(hands, noise, rng)  # for its covariances
    white = rng.standard_normal((3, 1000, 21, 1))
    errors = np.concatenate(
        [np.linalg.cholesky(c) @ w for c, w in zip(NETWORK.correlation, white, strict=True)], -1
    )
    xy = clean.xy + errors[..., :2] * noise.pixels / noise.focal
    depth = clean.relative_depth + errors[..., 2] * np.sqrt(told.depth_variance)
    arrays = (xy, depth, told.xy_covariance, told.depth_variance, truth)
    known = judge(
        reconstruct(*arrays, errors=ErrorModel(NETWORK.correlation, 1.0)), hands.keypoints
    )
    unknown = judge(reconstruct(*arrays, errors=INDEPENDENT), hands.keypoints)
    assert known["depth median"] < 0.9 * unknown["depth median"]
    assert 0.90 < known["in ellipsoid"] < 0.97
    assert known["failed"] < 0.005


def test_a_regressors_bones_look_short_and_hands_do_not_move_away():
    """Truth scatters about a network's answers: NETWORK keeps the depth right where noise's model,
    which expects long bones, puts the hand too far."""
    rng = np.random.default_rng(11)
    hands = sample_hands(PRIOR, 1000, rng, (0.5, 0.5))
    pose = encode(hands.keypoints)
    variance = np.full((1000, 21), 0.15**2)
    shrunk = pose.relative_depth / (1 + 0.15**2 / pose.relative_depth[:, 1:].var())  # E[truth]
    covariance = np.tile(np.eye(2) * 1e-6, (1000, 21, 1, 1))
    ratios = []
    for model in (NETWORK, INDEPENDENT):
        found = reconstruct(
            pose.xy, shrunk, covariance, variance, exact(hands.lengths), errors=model
        )
        ratios.append(np.nanmedian(found.root_depth / hands.keypoints[:, 0, 2]))
    assert abs(ratios[0] - 1) < 0.03
    assert ratios[1] > ratios[0] + 0.03


def test_error_models_are_correlations():
    for model in (NETWORK, INDEPENDENT):
        for correlation in model.correlation:
            np.testing.assert_allclose(np.diag(correlation), 1.0)
            np.testing.assert_allclose(correlation, correlation.T)
            assert np.linalg.eigvalsh(correlation)[0] > 0.01
    depth = NETWORK.correlation[2]
    assert depth[7, 8] > 0.8  # joints of one finger
    assert depth[8, 20] < depth[5, 9] < depth[5, 5]  # the farther, the less alike


@pytest.mark.parametrize("method", METHODS)
def test_heavy_tails_widen_the_covariance_and_move_nothing(method):
    hands = sample_hands(PRIOR, 20, np.random.default_rng(12), (0.5, 0.5))
    told = noisy_observation(hands, Noise(2.0, 0.008), np.random.default_rng(13))
    arrays = (told.xy, told.relative_depth, told.xy_covariance, told.depth_variance, PRIOR)
    thin = reconstruct(*arrays, method=method, errors=replace(NETWORK, tails=1.0))
    wide = reconstruct(*arrays, method=method, errors=replace(NETWORK, tails=1.5))
    assert thin.valid.sum() > 15
    np.testing.assert_array_equal(wide.keypoints, thin.keypoints)
    np.testing.assert_allclose(wide.covariance, 1.5 * thin.covariance, rtol=1e-12)

"""Calibration of a person's hand: what it finds, the error that it removes, files."""

import numpy as np
import pytest

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.hand_calibration import Calibration, calibrate
from hand_pose_25d_train.evaluation.project.geometry import judge
from hand_pose_25d_train.evaluation.project.kinematic_hand import (
    KinematicHands,
    sample_hands,
    sample_lengths,
)
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise, noisy_observation

PRIOR = BoneLengthPrior.default()
IMAGES = 20


def person(seed: int, images: int = IMAGES) -> tuple[KinematicHands, np.ndarray, BoneLengthPrior]:
    """A person's hand in several images with the wrist at 0.6 m: truth, reconstruction, bones."""
    rng = np.random.default_rng(seed)
    lengths = sample_lengths(PRIOR, 1, rng)[0]
    hands = sample_hands(PRIOR, images, rng, lengths=np.tile(lengths, (images, 1)))
    wrist = hands.keypoints[:, :1]
    moved = hands.keypoints - wrist + 0.6 * wrist / np.linalg.norm(wrist, axis=-1, keepdims=True)
    hands = KinematicHands(moved, hands.lengths, hands.is_right)
    found = noisy_observation(hands, Noise(), rng).solve(PRIOR)
    return hands, found.keypoints, BoneLengthPrior.exact(lengths, PRIOR.ruler)


@pytest.fixture(scope="module")
def people():
    return [person(seed) for seed in range(12)]


def after(prior: BoneLengthPrior, hands: KinematicHands) -> dict[str, float]:
    """Judge other images of the person, reconstructed with this prior."""
    rng = np.random.default_rng(99)
    other = sample_hands(PRIOR, 60, rng, lengths=np.tile(hands.lengths[0], (60, 1)))
    return judge(noisy_observation(other, Noise(), rng).solve(prior), other.keypoints)


def test_hand_length_alone_is_the_prior_given_it():
    found = calibrate(None, PRIOR, hand_length=0.2)
    assert found.frames == 0
    assert found.hand_length == pytest.approx(0.2, abs=1e-3)
    assert found.scale == pytest.approx(0.2 / PRIOR.hand_length)
    np.testing.assert_allclose(found.prior.mean, PRIOR.with_hand_length(0.2).mean)


def test_images_add_the_proportions(people):
    alone, both = [], []
    for _, keypoints, truth in people:
        known = truth.hand_length
        for errors, images in ((alone, None), (both, keypoints)):
            found = calibrate(images, PRIOR, hand_length=known)
            assert found.hand_length == pytest.approx(known, rel=0.01)
            errors.append(np.log(found.prior.mean / truth.mean).std())
    assert np.mean(both) < 0.8 * np.mean(alone)


def test_known_distance_gives_the_size(people):
    errors = []
    for _, keypoints, truth in people:
        found = calibrate(keypoints, PRIOR, wrist_distance=0.6)
        assert found.frames == IMAGES
        assert found.scale == pytest.approx(found.hand_length / PRIOR.hand_length)
        errors.append(np.log(found.prior.mean / truth.mean).mean())
    assert np.std(errors) < 0.025
    assert abs(np.mean(errors)) < 0.025


def test_calibration_removes_most_of_the_depth_error(people):
    medians: dict[str, list[float]] = {"before": [], "length": [], "distance": []}
    inside = []
    for hands, keypoints, truth in people:
        length = calibrate(keypoints, PRIOR, hand_length=truth.hand_length).prior
        distance = calibrate(keypoints, PRIOR, wrist_distance=0.6).prior
        for name, prior in (("before", PRIOR), ("length", length), ("distance", distance)):
            figures = after(prior, hands)
            medians[name].append(figures["depth median"])
            if name != "before":
                inside.append(figures["in ellipsoid"])
    before, length, distance = (np.mean(medians[k]) for k in ("before", "length", "distance"))
    assert length < 0.35 * before
    assert distance < 0.4 * before
    assert 0.88 < np.mean(inside) < 0.99


def test_reconstructing_with_any_scale_will_do(people):
    _, keypoints, _ = people[0]
    first = calibrate(keypoints, PRIOR, wrist_distance=0.6)
    second = calibrate(1.3 * keypoints, PRIOR, wrist_distance=0.6)
    np.testing.assert_allclose(first.prior.mean, second.prior.mean, rtol=1e-9)


def test_file_round_trip(people, tmp_path):
    _, keypoints, _ = people[1]
    found = calibrate(keypoints, PRIOR, wrist_distance=0.6)
    found.save(tmp_path / "me.yaml")
    again = Calibration.load(tmp_path / "me.yaml")
    assert again.scale == pytest.approx(found.scale, abs=1e-5)
    assert again.frames == found.frames
    assert again.method == found.method
    np.testing.assert_allclose(again.prior.mean, found.prior.mean, atol=1e-6)
    # What bone_lengths reads:
    prior = BoneLengthPrior.load(tmp_path / "me.yaml")
    np.testing.assert_allclose(prior.covariance, found.prior.covariance, atol=1e-8)


def test_images_without_a_whole_hand_are_left_out(people):
    _, keypoints, _ = people[2]
    holes = np.concatenate([keypoints, keypoints[:3]])
    holes[-3:, 4] = np.nan
    found = calibrate(holes, PRIOR, wrist_distance=0.6)
    assert found.frames == IMAGES
    with pytest.raises(ValueError, match="needs 5 images with a whole hand, got 4"):
        calibrate(holes[-7:], PRIOR, wrist_distance=0.6)
    with pytest.raises(ValueError, match="got 0"):
        calibrate(None, PRIOR, wrist_distance=0.6)


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ({}, "exactly one"),
        ({"hand_length": 0.18, "wrist_distance": 0.6}, "exactly one"),
        ({"hand_length": 18.0}, "0.08 and 0.3 m, got 18.0"),
        ({"wrist_distance": 0.0}, "0.05 to 10.0 m"),
        ({"wrist_distance": float("nan")}, "0.05 to 10.0 m"),
        ({"wrist_distance": 6.0}, "the hand would be"),
    ],
)
def test_mistaken_measurements_are_named(people, measured, words):
    with pytest.raises(ValueError, match=words):
        calibrate(people[0][1], PRIOR, **measured)


def test_files_that_are_no_calibration(tmp_path):
    PRIOR.save(tmp_path / "prior.yaml")
    with pytest.raises(ValueError, match="prior.yaml: not a calibration, it lacks calibration"):
        Calibration.load(tmp_path / "prior.yaml")
    with pytest.raises(ValueError, match="shape"):
        calibrate(np.zeros((3, 20, 3)), PRIOR, hand_length=0.18)

"""What images tell of a hand's bones, against hands whose bones are known."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.bone_posterior import NOTHING, BoneEvidence, LogBones
from hand_pose_25d.reconstruction.error_model import INDEPENDENT
from hand_pose_25d.reconstruction.reconstruct import Reconstruction, reconstruct
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands, sample_lengths
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise, noisy_observation

PRIOR = BoneLengthPrior.default()
BASE = LogBones(*PRIOR.log_moments)


def images(count: int, seed: int, noise: Noise | None = None):
    """Poses of one person's hand at 0.5 to 0.7 m, and its log lengths."""
    rng = np.random.default_rng(seed)
    lengths = sample_lengths(PRIOR, 1, rng)
    hands = sample_hands(PRIOR, count, rng, (0.5, 0.7), lengths=np.tile(lengths, (count, 1)))
    return noisy_observation(hands, noise or Noise(), rng), np.log(lengths[0]), hands.keypoints


def solve(poses, bones: LogBones, share: float) -> Reconstruction:
    evidence = BoneEvidence(np.full(len(poses.xy), share), BASE)
    arrays = (poses.xy, poses.relative_depth, poses.xy_covariance, poses.depth_variance)
    return reconstruct(*arrays, bones, errors=INDEPENDENT, evidence=evidence)


def shape_error(log_lengths: np.ndarray, truth: np.ndarray) -> float:
    difference = log_lengths - truth
    return float(np.std(difference))


def fused(poses, share: float = 1.0) -> LogBones:
    bones = BASE
    for i in range(len(poses.xy)):
        found = solve(poses.take(slice(i, i + 1)), bones, share).bones
        bones = LogBones(found.log_mean[0], found.log_covariance[0])
    return bones


def test_one_whole_image_gives_the_plain_answer():
    poses, _, _ = images(8, 1)
    learned, plain = solve(poses, BASE, 1.0), poses.solve(PRIOR)
    np.testing.assert_allclose(learned.keypoints, plain.keypoints, atol=1e-12)
    np.testing.assert_allclose(learned.covariance, plain.covariance, rtol=1e-9)
    assert plain.bones is None
    np.testing.assert_allclose(
        np.exp(learned.bones.log_mean[:, 4]), learned.scale, rtol=2e-3, err_msg="the same C"
    )


@pytest.mark.parametrize("seed", range(2))
def test_forty_images_find_the_proportions(seed: int):
    poses, truth, _ = images(40, seed)
    bones = fused(poses)
    before, after = shape_error(BASE.log_mean, truth), shape_error(bones.log_mean, truth)
    assert after < 0.02 < before, (before, after)
    claimed = np.sqrt(np.diag(bones.log_covariance - bones.log_covariance.mean()))
    assert after < 2.5 * float(np.sqrt(np.mean(claimed**2)))


def test_no_image_tells_the_size():
    """Proportions that go with a size move it by a fraction of what is not known."""
    for seed in range(2):
        bones = fused(images(10, seed)[0])
        deviation = float(np.sqrt(bones.log_covariance.mean()))
        assert 0.045 < deviation < 0.07
        assert abs(float((bones.log_mean - BASE.log_mean).mean())) < 0.07


def test_a_share_of_nothing_changes_nothing():
    poses, _, _ = images(3, 5)
    assert solve(poses, BASE, NOTHING).bones is None
    found = solve(poses, BASE, 2 * NOTHING).bones
    np.testing.assert_allclose(found.log_mean, np.tile(BASE.log_mean, (3, 1)), atol=1e-6)
    np.testing.assert_allclose(found.log_covariance[0], BASE.log_covariance, atol=1e-9)
    np.testing.assert_allclose(found.misfit, 0.0, atol=1e-4)


def test_ten_tenths_of_an_image_are_one():
    """The same image ten times, each counting for a tenth, teaches what it teaches at once."""
    poses, _, _ = images(1, 6, Noise(pixels=0.5, depth=0.002))
    once = solve(poses, BASE, 1.0).bones
    bones = BASE
    for _ in range(10):
        found = solve(poses, bones, 0.1).bones
        bones = LogBones(found.log_mean[0], found.log_covariance[0])
    np.testing.assert_allclose(bones.log_mean, once.log_mean[0], atol=3e-3)
    ratio = np.diag(bones.log_covariance) / np.diag(once.log_covariance[0])
    assert 0.9 < ratio.min() and ratio.max() < 1.1


def test_the_covariance_stays_positive():
    values = np.linalg.eigvalsh(fused(images(20, 7)[0]).log_covariance)
    assert values[0] > 0 and values[-1] < np.linalg.eigvalsh(BASE.log_covariance)[-1] * 1.001


def test_another_persons_bones_fit_worse_than_the_populations():
    poses, _, _ = images(40, 0)
    others, _, _ = images(40, 3)
    bones = fused(poses)
    same = float(solve(images(40, 0, Noise(1.4))[0], bones, 1.0).bones.misfit.sum())
    other = float(solve(others, bones, 1.0).bones.misfit.sum())
    assert same < -100 and other > 20, (same, other)


def test_bones_are_learned_by_the_map_estimate_alone():
    poses, _, _ = images(2, 0)
    arrays = (poses.xy, poses.relative_depth, poses.xy_covariance, poses.depth_variance)
    with pytest.raises(ValueError, match="'map' alone, got 'closed_form'"):
        reconstruct(*arrays, BASE, "closed_form", evidence=BoneEvidence(np.ones(2), BASE))

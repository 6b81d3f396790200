"""Is the wrist pose's covariance honest?  Errors of simulated hands against what is claimed."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d.geometry.wrist_frame import independent
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.error_model import NETWORK
from hand_pose_25d.reconstruction.reconstruct import reconstruct
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise, noisy_observation
from hand_pose_25d_train.evaluation.project.wrist_errors import (
    CHI2_MEDIANS,
    nees,
    wrist_errors,
    wrist_table,
)

PRIOR = BoneLengthPrior.default()
CHI2_95_6 = 12.592


@pytest.mark.parametrize("method", ["map", "closed_form"])
@pytest.mark.parametrize("known", ["population", "bones"])
@pytest.mark.parametrize("distance", [0.4, 0.65, 1.5])
def test_the_wrists_covariance_is_calibrated(distance: float, known: str, method: str) -> None:
    rng = np.random.default_rng(0)
    hands = sample_hands(PRIOR, 400, rng, (distance, distance))
    exact = [BoneLengthPrior.exact(lengths) for lengths in hands.lengths]
    poses = noisy_observation(hands, Noise(), rng)
    found = poses.solve(PRIOR if known == "population" else exact, method)
    errors, claimed = wrist_errors(found, hands)
    assert len(errors) > 300
    rotation = np.median(nees(errors[:, 3:], claimed[:, 3:, 3:]))
    whole = nees(errors, claimed)
    # Deviations claimed over true ones, by the medians: within a factor of 1.25; 1.5 is allowed.
    assert 0.8 < np.sqrt(CHI2_MEDIANS[3] / rotation) < 1.25
    assert 0.8 < np.sqrt(CHI2_MEDIANS[6] / np.median(whole)) < 1.25
    assert 0.88 < (whole * 6 < CHI2_95_6).mean() < 0.98
    # With independent keypoints it would claim far too much.
    alone = np.array([independent(c) for c in found.covariance])
    _, apart = wrist_errors(found, hands, alone)
    loose = np.median(nees(errors[:, 3:], apart[:, 3:, 3:]))
    assert np.sqrt(CHI2_MEDIANS[3] / loose) > 1.5


@pytest.mark.parametrize("method", ["map", "closed_form"])
def test_correlated_errors_of_a_network_are_calibrated(method: str) -> None:
    """Noise with the correlations of the error model, which the solver is told."""
    rng = np.random.default_rng(1)
    hands, noise = sample_hands(PRIOR, 400, rng, (0.6, 0.6)), Noise()
    clean = noisy_observation(hands, Noise(0.0, 0.0), rng)
    factors = np.linalg.cholesky(NETWORK.correlation + 1e-9 * np.eye(21))
    drawn = np.einsum("ckl,ncl->nck", factors, rng.standard_normal((400, 3, 21)))
    told = noisy_observation(hands, noise, rng)
    relative = clean.relative_depth + drawn[:, 2] * np.sqrt(told.depth_variance)
    # The root's depth is zero by definition: the others' errors are relative to its own.
    relative -= relative[:, :1]
    found = reconstruct(
        clean.xy + np.moveaxis(drawn[:, :2], 1, 2) * noise.pixels / noise.focal,
        relative, told.xy_covariance, told.depth_variance, PRIOR, method, NETWORK,
    )  # fmt: skip
    errors, claimed = wrist_errors(found, hands, found.palm_covariance / NETWORK.tails)
    rotation = np.median(nees(errors[:, 3:], claimed[:, 3:, 3:]))
    assert 1 / 1.5 < np.sqrt(CHI2_MEDIANS[3] / rotation) < 1.5


def test_the_table_of_the_command() -> None:
    rows = [line.strip("| ").split(" | ") for line in wrist_table(200, 0, Noise())]
    for _, distance, error, claimed, rotation, _ in rows[2:]:
        ratio = float(claimed.split()[0]) / float(error.split()[0])
        assert 1 / 1.5 < ratio < 1.5, distance
        assert 0.5 < float(rotation) < 1.2, distance


@pytest.mark.parametrize("method", ["map", "closed_form"])
def test_the_palms_covariance_is_the_keypoints_and_nan_with_them(method: str) -> None:
    rng = np.random.default_rng(2)
    hands = sample_hands(PRIOR, 40, rng, (0.5, 0.7))
    poses = noisy_observation(hands, Noise(), rng)
    poses.xy[0, 17], poses.xy[1, 20] = np.nan, np.nan
    found = poses.solve(PRIOR, method)
    for k, keypoint in enumerate((0, 5, 9, 17)):
        block = found.palm_covariance[:, 3 * k : 3 * k + 3, 3 * k : 3 * k + 3]
        same = found.covariance[:, keypoint].copy()
        same[0] = np.nan
        np.testing.assert_allclose(block, same, rtol=1e-7, atol=1e-12)
    assert np.isnan(found.palm_covariance[0]).all()
    assert found.valid[1] and np.isfinite(found.palm_covariance[1]).all()
    whole = found.palm_covariance[found.valid][1:]
    assert np.linalg.eigvalsh(whole).min() > -1e-12

"""Depth images: what is sampled, what is believed, and what comes of it in the posterior."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.bone_posterior import BoneEvidence, LogBones
from hand_pose_25d.reconstruction.depth_constraints import Surfaces
from hand_pose_25d.reconstruction.depth_samples import metres, sample_depth
from hand_pose_25d.reconstruction.error_model import INDEPENDENT
from hand_pose_25d.reconstruction.reconstruct import Reconstruction, reconstruct
from hand_pose_25d.reconstruction.surface_offsets import (
    DEVIATIONS,
    KINDS,
    camera_directions,
    surface_offsets,
)
from hand_pose_25d.skeleton import REFERENCE_BONE, WRIST
from hand_pose_25d_train.evaluation.project.kinematic_hand import KinematicHands, sample_hands
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise, noisy_observation

PRIOR = BoneLengthPrior.default()
COUNT = 100


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([600, 0, 65535], np.uint16), [0.6, np.nan, np.nan]),
        (np.array([0.6, -1.0, np.nan, np.inf, 1e30], np.float32), [0.6] + [np.nan] * 4),
    ],
)
def test_units_and_what_is_no_measurement(values, expected):
    assert metres(values) == pytest.approx(expected, nan_ok=True, rel=1e-6)


def test_a_surface_in_noise_with_holes():
    rng = np.random.default_rng(0)
    image = (600 * (1 + 0.01 * rng.standard_normal((60, 60)))).astype(np.uint16)
    image[rng.random(image.shape) < 0.3] = 0
    seen = sample_depth(image, np.array([[30.0, 30.0]]), 6.0)
    assert seen.depth[0] == pytest.approx([0.6, 0.6], abs=0.004)
    assert 0.0008 < np.sqrt(seen.variance[0, 0]) < 0.004


def test_both_surfaces_of_an_edge_and_no_flying_pixels():
    image = np.full((40, 40), 1500, np.uint16)
    image[:, 20:] = 600
    image[::3, 19] = 1000  # between the two
    seen = sample_depth(image, np.array([[20.0, 20.0]]), 5.0)
    assert seen.depth[0] == pytest.approx([0.6, 1.5])


@pytest.mark.parametrize(
    "pixel", [(np.nan, 3.0), (-50.0, 3.0), (1e300, 1.0), (3.0, 400.0)], ids=str
)
def test_nothing_outside_the_image(pixel):
    seen = sample_depth(np.full((20, 20), 0.5, np.float32), np.array([pixel]), 3.0)
    assert np.isnan(seen.depth).all() and np.isnan(seen.variance).all()


def test_too_few_pixels_are_none():
    image = np.zeros((40, 40), np.float32)
    image[20, 20] = 0.7
    assert np.isnan(sample_depth(image, np.array([[20.0, 20.0]]), 6.0).depth).all()
    assert np.isfinite(sample_depth(image, np.array([[20.0, 20.0]]), 0.4).depth).all()


def test_offsets_are_those_of_the_mirrored_hand_too():
    hands = sample_hands(PRIOR, 20, np.random.default_rng(1), (0.6, 0.6))
    mirrored = hands.keypoints * (-1.0, 1.0, 1.0)
    offsets = surface_offsets(hands.keypoints, hands.is_right)
    assert surface_offsets(mirrored, ~hands.is_right) == pytest.approx(offsets)
    assert (np.abs(offsets) < 0.6).all() and 0.2 < np.median(offsets[:, WRIST]) < 0.4
    towards = camera_directions(hands.keypoints, hands.is_right)
    assert np.linalg.norm(towards, axis=-1) == pytest.approx(np.ones((20, 21)), abs=1e-6)


def simulated(
    rng: np.random.Generator, distance: float = 0.6, scale: float = 1.0
) -> tuple[KinematicHands, dict, Surfaces]:
    """Return hands, the 2.5D poses of them, and surfaces where the offsets say, with noise."""
    hands = sample_hands(PRIOR, COUNT, rng, (distance, distance))
    hands = KinematicHands(scale * hands.keypoints, scale * hands.lengths, hands.is_right)
    poses = noisy_observation(hands, Noise(), rng)
    bone = np.linalg.norm(
        hands.keypoints[:, REFERENCE_BONE[0]] - hands.keypoints[:, REFERENCE_BONE[1]], axis=-1
    )
    offsets = surface_offsets(hands.keypoints, hands.is_right)
    offsets += DEVIATIONS[KINDS] * rng.standard_normal(offsets.shape)
    depth = hands.keypoints[..., 2] - offsets * bone[:, None]
    deviation = 0.004 * depth
    depth = depth + deviation * rng.standard_normal(depth.shape)
    observed = {
        "xy": poses.xy, "relative_depth": poses.relative_depth,
        "xy_covariance": poses.xy_covariance, "depth_variance": poses.depth_variance,
        "prior": PRIOR, "errors": INDEPENDENT,
    }  # fmt: skip
    both = np.repeat(depth[..., None], 2, -1), np.repeat(np.square(deviation)[..., None], 2, -1)
    return hands, observed, Surfaces(*both, hands.is_right)


def wrist_errors(found: Reconstruction, hands: KinematicHands) -> np.ndarray:
    return np.linalg.norm(found.keypoints[:, WRIST] - hands.keypoints[:, WRIST], axis=-1)


@pytest.mark.parametrize("scale", [0.85, 1.0, 1.15])
def test_depth_measures_the_distance_whatever_the_hands_size(scale):
    rng = np.random.default_rng(2)
    hands, observed, surfaces = simulated(rng, scale=scale)
    plain, fused = reconstruct(**observed), reconstruct(**observed, surfaces=surfaces)
    before, after = (np.median(wrist_errors(found, hands)) for found in (plain, fused))
    assert after < 0.004 < 0.02 < before
    assert np.percentile(wrist_errors(fused, hands), 95) < 0.012
    assert (fused.surfaces > 8).mean() > 0.95 and (plain.surfaces == 0).all()
    difference = fused.keypoints - hands.keypoints
    solved = np.linalg.solve(fused.covariance, difference[..., None])[..., 0]
    inside = ((difference * solved).sum(-1) < 7.815).mean()
    assert 0.85 < inside <= 1.0
    # The hand's size becomes known with the distance.
    truth = hands.lengths[:, 4]
    assert np.median(np.abs(fused.scale / truth - 1)) < 0.02
    assert np.median(np.abs(fused.scale / truth - 1)) < np.median(np.abs(plain.scale / truth - 1))


def test_occlusion_holes_and_walls_do_no_harm():
    rng = np.random.default_rng(3)
    hands, observed, surfaces = simulated(rng)
    clean = np.median(wrist_errors(reconstruct(**observed, surfaces=surfaces), hands))
    depth = surfaces.depth.copy()
    kind = rng.random(depth.shape[:2])
    depth[kind < 0.2] = np.nan
    depth[(kind > 0.2) & (kind < 0.35)] -= 0.15  # a thing before it
    depth[(kind > 0.35) & (kind < 0.5), 1] += 0.5  # the wall beside it, and its own
    depth[(kind > 0.5) & (kind < 0.6)] += 0.5  # the wall alone
    errors = wrist_errors(reconstruct(**observed, surfaces=surfaces._replace(depth=depth)), hands)
    assert np.median(errors) < clean + 0.002
    assert np.percentile(errors, 95) < 0.03


@pytest.mark.parametrize("value", [np.nan, 0.2, 5.0, 1e-9, 1e300])
def test_what_fits_nowhere_changes_nothing(value):
    rng = np.random.default_rng(4)
    _, observed, surfaces = simulated(rng)
    depth = np.full_like(surfaces.depth, value)
    depth[:, ::2] *= rng.uniform(0.5, 2.0, depth[:, ::2].shape)
    plain = reconstruct(**observed)
    found = reconstruct(**observed, surfaces=surfaces._replace(depth=depth))
    unused = found.surfaces == 0
    assert unused.mean() > 0.9 and found.valid.all()
    assert found.keypoints[unused] == pytest.approx(plain.keypoints[unused], abs=1e-9)


def test_a_hand_without_depth_beside_one_with_it():
    hands, observed, surfaces = simulated(np.random.default_rng(5))
    depth = surfaces.depth.copy()
    depth[::2] = np.nan
    found = reconstruct(**observed, surfaces=surfaces._replace(depth=depth))
    plain, fused = reconstruct(**observed), reconstruct(**observed, surfaces=surfaces)
    assert found.keypoints[::2] == pytest.approx(plain.keypoints[::2], abs=1e-9)
    assert found.keypoints[1::2] == pytest.approx(fused.keypoints[1::2], abs=1e-9)
    assert (found.surfaces[::2] == 0).all() and (found.surfaces[1::2] > 0).all()


def test_the_closed_form_takes_no_depth():
    _, observed, surfaces = simulated(np.random.default_rng(6))
    with pytest.raises(ValueError, match="'map' only"):
        reconstruct(**observed, method="closed_form", surfaces=surfaces)


def test_joint_covariance_holds_each_keypoints_own():
    _, observed, surfaces = simulated(np.random.default_rng(7))
    for method, more in (("map", {"surfaces": surfaces}), ("map", {}), ("closed_form", {})):
        found = reconstruct(**observed, method=method, **more)
        for k in (0, 8, 20):
            block = found.joint_covariance[:, 3 * k : 3 * k + 3, 3 * k : 3 * k + 3]
            assert block == pytest.approx(found.covariance[:, k], rel=1e-9, abs=1e-15, nan_ok=True)
        values = np.linalg.eigvalsh(found.joint_covariance[found.valid])
        assert values.min() > -1e-9 * values.max()


def test_what_depth_tells_of_the_size_stays_when_it_is_gone():
    """Ten images of one large person's hands with depth, then images without."""
    rng = np.random.default_rng(8)
    hands, observed, surfaces = simulated(rng, scale=1.12)
    population = LogBones(*PRIOR.log_moments)
    share = 0.3
    with_depth = without = population
    one = {name: observed[name] for name in ("relative_depth", "xy_covariance", "depth_variance")}
    for i in range(10):
        image = {name: values[[i]] for name, values in one.items()} | {"xy": observed["xy"][[i]]}
        evidence = BoneEvidence(np.array([share]), population)
        for_one = Surfaces(*(a[[i]] for a in surfaces))
        more = {"errors": INDEPENDENT, "evidence": evidence}
        seen = reconstruct(**image, prior=with_depth, surfaces=for_one, **more).bones
        blind = reconstruct(**image, prior=without, **more).bones
        assert seen is not None and blind is not None
        with_depth = LogBones(seen.log_mean[0], seen.log_covariance[0])
        without = LogBones(blind.log_mean[0], blind.log_covariance[0])
    # simulated() draws other people's bones for each image: what they share is the size.
    size = float(np.mean(with_depth.log_mean - population.log_mean))
    assert size == pytest.approx(np.log(1.12), abs=0.03)
    errors = [np.median(wrist_errors(reconstruct(**observed | {"prior": prior}), hands))
              for prior in (population, without, with_depth)]  # fmt: skip
    assert errors[2] < 0.6 * errors[0] and errors[2] < 0.6 * errors[1]

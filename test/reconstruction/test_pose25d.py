"""The 2.5D pose and the closed form: round trips, the paper's equation, its degenerate cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d.reconstruction import pose25d
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior, global_scale
from hand_pose_25d.skeleton import BONES, bone_lengths
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands

WIDE = np.radians(50)  # half of a 100-degree view


def hands(seed: int, count: int = 200, near: float = 0.15, far: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return sample_hands(BoneLengthPrior.default(), count, rng, (near, far), WIDE).keypoints


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_round_trip_through_the_closed_form(seed):
    truth = hands(seed)
    pose = pose25d.encode(truth)
    equation = pose25d.root_depth_quadratic(pose.xy, pose.relative_depth)
    larger, smaller = pose25d.roots(equation)
    true_depth = truth[:, 0, 2] / pose.scale
    # The paper takes the larger root; the smaller is the true one where, at the view's border, the
    # bone points away along its ray.  Where both nearly meet, digits are lost: see below.
    clear = equation.discriminant > 1e-3 * equation.b**2
    errors = np.minimum(abs(larger - true_depth), abs(smaller - true_depth)) * pose.scale
    assert errors[clear].max() < 1e-9
    exact = abs(larger - true_depth) < abs(smaller - true_depth)
    decoded = pose25d.decode(pose.xy, pose.relative_depth, larger, pose.scale)
    assert np.abs(decoded - truth)[clear & exact].max() < 2e-9
    assert exact.mean() > 0.8


def test_larger_root_in_the_view_of_a_crop():
    truth = sample_hands(
        BoneLengthPrior.default(), 2000, np.random.default_rng(0), (0.3, 1.5)
    ).keypoints
    pose = pose25d.encode(truth)
    depth = pose25d.root_depth_closed_form(pose.xy, pose.relative_depth)
    error = np.abs(depth * pose.scale - truth[:, 0, 2])
    assert np.median(error) < 1e-12
    assert (error < 1e-9).mean() > 0.97  # the rest: the smaller root, bone nearly along the ray


@pytest.mark.parametrize("bone", BONES)
def test_every_bone_gives_the_depth(bone):
    truth = hands(3, 100, 0.3, 1.0)
    lengths = np.linalg.norm(truth[:, bone[0]] - truth[:, bone[1]], axis=-1)
    pose = pose25d.encode(truth, bone)
    np.testing.assert_allclose(pose.scale, lengths)
    metric = pose.relative_depth * pose.scale[:, None]
    candidates = pose25d.roots(pose25d.root_depth_quadratic(pose.xy, metric, bone, lengths))
    error = np.nanmin(np.abs(np.stack(candidates) - truth[:, 0, 2]), 0)
    assert np.median(error) < 1e-12


def test_equation_is_the_papers_with_the_mended_b():
    xy, z = np.zeros((21, 2)), np.zeros(21)
    xy[0], xy[5] = (0.1, -0.2), (0.25, 0.05)
    z[5] = 0.4
    n, m = 0, 5
    (xn, yn), (xm, ym), zn, zm = xy[n], xy[m], z[n], z[m]
    a = (xn - xm) ** 2 + (yn - ym) ** 2
    b = 2 * (zn * (xn**2 + yn**2 - xn * xm - yn * ym) + zm * (xm**2 + ym**2 - xn * xm - yn * ym))
    c = (xn * zn - xm * zm) ** 2 + (yn * zn - ym * zm) ** 2 + (zn - zm) ** 2 - 1
    np.testing.assert_allclose(pose25d.root_depth_quadratic(xy, z), (a, b, c), atol=1e-15)
    expected = (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)
    assert pose25d.root_depth_closed_form(xy, z) == pytest.approx(expected)


def test_global_scale_is_equation_8():
    prior = BoneLengthPrior.default()
    truth = hands(5, 50, 0.4, 0.9)
    pose = pose25d.encode(truth)
    normalised = pose25d.decode(pose.xy, pose.relative_depth, truth[:, 0, 2] / pose.scale, 1.0)
    lengths = bone_lengths(normalised)
    scale = global_scale(lengths, prior)
    best, more, less = (
        np.square(s[:, None] * lengths - prior.mean).sum(-1)
        for s in (scale, scale * 1.001, scale * 0.999)
    )
    assert (best < more).all()
    assert (best < less).all()
    assert global_scale(prior.mean * 7, prior) == pytest.approx(1 / 7)
    assert np.isnan(global_scale(np.zeros(20), prior))
    assert np.isnan(global_scale(np.full(20, np.nan), prior))


def test_bone_along_the_ray_and_no_root_are_nan():
    xy, z = np.zeros((21, 2)), np.zeros(21)
    z[5] = 1.0  # wrist and index MCP on one ray: any depth would do
    assert np.isnan(pose25d.root_depth_closed_form(xy, z))
    xy[5], z[5] = (0.1, 0.0), 1.5  # a bone longer in depth than its length
    assert np.isnan(pose25d.root_depth_closed_form(xy, z))
    assert np.isnan(pose25d.root_depth_closed_form(np.full((21, 2), np.nan), z))


def test_behind_the_camera_is_nan():
    points = hands(1, 1)[0]
    points[7, 2] = -0.1
    pose = pose25d.encode(points)
    assert np.isnan(pose.xy[7]).all()
    assert np.isnan(pose.relative_depth[7])
    assert np.isfinite(pose.xy[:7]).all()


def test_relative_depths_do_not_know_the_size():
    small = hands(2, 20, 0.4, 0.8)
    first, second = pose25d.encode(small), pose25d.encode(small * 1.7)
    np.testing.assert_allclose(first.xy, second.xy, atol=1e-12)
    np.testing.assert_allclose(first.relative_depth, second.relative_depth, atol=1e-12)
    np.testing.assert_allclose(second.scale, 1.7 * first.scale)

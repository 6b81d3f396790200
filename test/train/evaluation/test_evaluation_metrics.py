"""Metrics against numbers worked by hand, and against transformations whose effect is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d_train.evaluation import metrics


def test_endpoint_errors_by_hand():
    truth = np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, 0.0], [5.0, 5.0]])
    predicted = np.array([[3.0, 4.0], [np.nan, 1.0], [0.0, 0.0], [5.0, 17.0]])
    errors = metrics.endpoint_errors(predicted, truth)
    assert errors.tolist()[:2] == [5.0, np.inf]
    assert np.isnan(errors[2]) and errors[3] == 12.0
    assert np.isnan(metrics.endpoint_errors(predicted, truth, [False, True, True, True])[0])


def test_endpoint_errors_name_both_shapes():
    with pytest.raises(ValueError, match=r"\(21, 3\).*\(5, 3\)"):
        metrics.endpoint_errors(np.zeros((21, 3)), np.zeros((5, 3)))


def test_pck_by_hand():
    errors = np.array([1.0, 2.0, 3.0, np.inf, np.nan])
    # Four annotated: none within 0, one within 1, two within 2.5, three within 100.
    assert metrics.pck(errors, [0, 1, 2.5, 100]).tolist() == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("errors", "low", "high", "expected"),
    [
        ([0.0, 0.0], 0, 30, 1.0),
        ([15.0], 0, 30, 0.5),
        ([30.0, 31.0, np.inf], 0, 30, 0.0),
        ([6.0, 15.0, 45.0], 0, 30, (0.8 + 0.5 + 0.0) / 3),
        ([0.010, 0.035, 0.060], 0.020, 0.050, (1.0 + 0.5 + 0.0) / 3),
    ],
)
def test_auc_by_hand(errors, low, high, expected):
    assert metrics.auc(np.array(errors), low, high) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.floats(0, 120), min_size=1, max_size=60))
@settings(max_examples=60)
def test_auc_is_the_integral_of_pck(errors):
    errors = np.array(errors)
    steps = 3000
    thresholds = np.linspace(0, 100, steps + 1)
    curve = metrics.pck(errors, thresholds)
    integral = ((curve[1:] + curve[:-1]) / 2).mean()
    assert metrics.auc(errors, 0, 100) == pytest.approx(integral, abs=1.0 / steps)


def test_summary_by_hand():
    summary = metrics.summarize(np.array([1.0, 2.0, 6.0, np.inf, np.nan]), 0, 10)
    assert (summary.count, summary.missing) == (4, 1)
    assert summary.median == 4.0  # of 1, 2, 6, inf
    assert summary.mean == 3.0
    assert summary.auc == pytest.approx((0.9 + 0.8 + 0.4 + 0.0) / 4)


def test_nothing_annotated_is_an_error():
    with pytest.raises(ValueError, match="no annotated keypoint"):
        metrics.summarize(np.full(3, np.nan), 0, 1)
    with pytest.raises(ValueError, match="rising"):
        metrics.auc(np.zeros(3), 1, 1)


def test_pckh_by_hand():
    errors = np.array([[10.0, 35.0], [20.0, 14.0]])
    heads = np.array([50.0, 20.0])
    normalized = metrics.head_normalized(errors, heads, share=0.7)
    np.testing.assert_allclose(normalized, [[10 / 35, 1.0], [20 / 14, 1.0]])
    assert metrics.pck(normalized, [0.5, 1.0]).tolist() == [0.25, 0.75]
    np.testing.assert_allclose(metrics.head_normalized(errors, heads)[1], [1.0, 0.7])
    with pytest.raises(ValueError, match="head size"):
        metrics.head_normalized(errors, [50.0, np.nan])


def test_root_alignment_by_hand():
    points = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 5.0]])
    assert metrics.root_aligned(points).tolist() == [[0, 0, 0], [1, 0, 2]]
    assert metrics.root_aligned(points, 1).tolist() == [[-1, 0, -2], [0, 0, 0]]


def test_root_errors_by_hand():
    truth = np.zeros((2, 21, 3))
    predicted = truth + np.array([0.0, 0.03, 0.04])
    assert metrics.root_errors(predicted, truth).tolist() == pytest.approx([0.05, 0.05])


def test_procrustes_residual_by_hand():
    # The square's one corner is lifted by d: the fit cannot undo it.  A plane through four points
    # with residuals (d, -d, d, -d) / 4 is best, so every error is close to d / 4 for small d.
    truth = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    predicted = truth.copy()
    predicted[2, 2] = 0.01
    errors = metrics.pa_errors(predicted[None], truth[None])[0]
    np.testing.assert_allclose(errors, 0.0025, rtol=0.02)


@given(
    st.integers(0, 10_000),
    st.floats(0.2, 5.0),
    st.floats(-3.1, 3.1),
)
@settings(max_examples=40)
def test_procrustes_undoes_a_similarity(seed, scale, angle):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(21, 3))
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    predicted = scale * truth @ rotation.T + rng.normal(size=3)
    np.testing.assert_allclose(metrics.procrustes_aligned(predicted, truth), truth, atol=1e-9)


def test_procrustes_does_not_mirror():
    truth = np.random.default_rng(0).normal(size=(21, 3))
    mirrored = truth * (-1, 1, 1)
    assert metrics.pa_errors(mirrored[None], truth[None]).mean() > 0.3


def test_procrustes_needs_three_points():
    truth = np.zeros((21, 3))
    valid = np.arange(21) < 2
    assert np.isnan(metrics.procrustes_aligned(truth, truth, valid)).all()
    assert np.isinf(metrics.pa_errors(truth[None], truth[None], valid[None])[0, :2]).all()

"""The pose score: what moves it which way, its range, and what it does to the handedness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hand_pose_25d.handedness import tempered
from hand_pose_25d.inference.pose_network import Prediction
from hand_pose_25d.inference.pose_score import SHIPPED, pose_features, pose_scores


def _prediction(count: int = 1) -> Prediction:
    uv = np.random.default_rng(0).uniform(40, 180, (count, 21, 2))
    ones = np.ones((count, 21))
    return Prediction(
        uv, ones * 0.1, np.tile(np.eye(2) * 225.0, (count, 21, 1, 1)), ones * 0.04, ones,
        np.ones(count), np.full(count, 0.9),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "factor"),
    [("uv_covariance", 4.0), ("depth_variance", 4.0), ("uv", 0.5), ("p_right", 0.2)],
)
def test_less_certain_predictions_score_lower(field: str, factor: float) -> None:
    sure = _prediction()
    unsure = replace(sure, **{field: getattr(sure, field) * factor})
    assert pose_scores(unsure)[0] < pose_scores(sure)[0] - 0.02


def test_the_features_are_shares_of_the_box_and_logits() -> None:
    prediction = _prediction(3)
    side = np.ptp(prediction.uv, axis=1).max(-1)
    features = pose_features(prediction)
    assert features.shape == (3, len(SHIPPED))
    assert features[:, 1] == pytest.approx(np.log(15 / side))
    assert features[:, 2:] == pytest.approx(np.tile([np.log(0.2), np.log(9)], (3, 1)))


def test_a_larger_picture_of_the_same_hand_scores_the_same() -> None:
    small = _prediction(2)
    large = replace(small, uv=small.uv * 3, uv_covariance=small.uv_covariance * 9)
    assert pose_scores(large) == pytest.approx(pose_scores(small))


def test_extreme_predictions_stay_probabilities_and_unknown_ones_unknown() -> None:
    prediction = _prediction(4)
    covariance = prediction.uv_covariance.copy()
    covariance[0], covariance[1], covariance[2] = 0.0, 1e12, np.nan
    scores = pose_scores(replace(prediction, uv_covariance=covariance))
    assert scores[0] > 0.999 and scores[1] < 0.001
    assert np.isnan(scores[2]) and 0 < scores[3] < 1
    assert pose_scores(_prediction(0)).shape == (0,)


def test_handedness_is_as_sure_as_the_pose() -> None:
    p = tempered(np.full(4, 0.98), np.array([1.0, 0.5, 0.0, np.nan]))
    assert p == pytest.approx([0.98, 0.875, 0.5, 0.98], abs=1e-3)
    assert tempered(np.array([0.02]), np.array([0.5])) == pytest.approx([0.125], abs=1e-3)

"""The pose score on trials whose errors are known: fit, figures, the command on tiny data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training_data import write_photos, write_shards

from hand_pose_25d.cli import main
from hand_pose_25d.inference.pose_score import WRONG, PoseScoreWeights
from hand_pose_25d_train.evaluation.project.degraded_photos import WORSENINGS, worsened
from hand_pose_25d_train.evaluation.project.pose_score import (
    Trials,
    area_under_roc,
    fit_weights,
    reliability,
    worst_found,
)

TRUE = PoseScoreWeights(constant=-6.0, pixels=-2.5, depths=-1.0, right=0.3)


@pytest.fixture
def trials() -> Trials:
    """Poses that are right with the probability that TRUE gives them."""
    rng, count = np.random.default_rng(0), 20_000
    features = np.column_stack(
        [np.ones(count), rng.normal(-2.6, 0.7, count), rng.normal(-1.5, 0.5, count),
         rng.uniform(-6, 6, count)]
    )  # fmt: skip
    right = rng.random(count) < 1 / (1 + np.exp(-features @ np.array(TRUE)))
    error = np.where(right, 0.5, 1.5) * WRONG
    yes = np.ones(count, bool)
    return Trials(features, error, np.full(count, 0.9), yes, yes, yes)


def test_the_fit_finds_the_weights(trials: Trials) -> None:
    assert fit_weights(trials) == pytest.approx(TRUE, rel=0.1)
    scores = trials.scores(TRUE)
    for score, share, count in reliability(scores, trials.error < WRONG):
        assert share == pytest.approx(score, abs=4 * np.sqrt(0.25 / count))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((0.1, 0.2, 0.8, 0.9), 1.0), ((0.9, 0.8, 0.2, 0.1), 0.0), ((0.1, 0.8, 0.2, 0.9), 0.75)],
)
def test_area_under_roc(scores: tuple[float, ...], expected: float) -> None:
    wrong = np.array([True, True, False, False])
    assert area_under_roc(np.array(scores), wrong) == pytest.approx(expected)
    assert np.isnan(area_under_roc(np.array(scores), wrong | True))


def test_the_worst_tenth_is_looked_for_in_the_lowest_fifth() -> None:
    errors = np.arange(20.0)
    assert worst_found(-errors, errors) == 1.0
    assert worst_found(errors, errors) == 0.0
    scores = -errors
    scores[19] = 5.0  # the worst of all is thought the best
    assert worst_found(scores, errors) == 0.5


@pytest.mark.parametrize("kind", WORSENINGS)
def test_pictures_are_made_worse(kind: str) -> None:
    rng = np.random.default_rng(3)
    image = np.kron(rng.integers(0, 255, (20, 20, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    uv = rng.uniform(50, 150, (21, 2))
    before = image.copy()
    shown = worsened(image, uv, kind, rng)
    assert shown.shape == image.shape and shown.dtype == np.uint8
    assert (shown != before).any() == (kind != "none")
    assert (image == before).all()
    with pytest.raises(ValueError, match="known: none, motion"):
        worsened(image, uv, "rain", rng)


def test_the_command_judges_fits_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder, labels, renders = tmp_path / "p", tmp_path / "l" / "p.npz", tmp_path / "renders"
    write_photos(folder, labels, 20)
    write_shards(renders, 4)
    diagram = tmp_path / "reliability.png"
    arguments = ["--photos", f"{folder}={labels}", "--renders", str(renders), "--fit"]
    assert main(["evaluate", "pose_score", *arguments, "--diagram", str(diagram)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("PoseScoreWeights(constant=")
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")][1:]
    assert [row[1] for row in rows] == ["12", "4", "12", "6"]
    assert diagram.read_bytes()[:4] == b"\x89PNG"

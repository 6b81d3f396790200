"""Populations: the shipped file, how it is made, and what adults' distances are worth with it."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
import yaml

from hand_pose_25d import HandPoseEstimator
from hand_pose_25d.cli import main
from hand_pose_25d.commands.options import add_estimator_arguments
from hand_pose_25d.reconstruction.bone_length_prior import (
    POPULATIONS,
    POPULATIONS_PATH,
    BoneLengthPrior,
)
from hand_pose_25d.reconstruction.hand_size import HandSize
from hand_pose_25d_train.evaluation.project import populations
from hand_pose_25d_train.evaluation.project.population_errors import PAIRS, population_errors

CHAIN, PALM = [8, 9, 10, 11], [4, 8, 12, 16]


@pytest.mark.parametrize(
    ("name", "length", "deviation"),
    [  # mm by a ruler; ANSUR II: 193.3 +- 10.0 and 181.1 +- 10.1
        ("man", 193.3, 10.0),
        ("woman", 181.1, 10.1),
        ("adult", 187.2, 11.7),
        ("child", 152.6, 15.1),
        ("anyone", 180.3, 18.6),
    ],
)
def test_sizes(name, length, deviation):
    prior = BoneLengthPrior.population(name)
    assert 1e3 * prior.hand_length == pytest.approx(length, abs=0.15)
    assert 1e3 * prior.hand_length_deviation == pytest.approx(deviation, abs=0.15)
    assert prior.source.startswith(f"population {name}: ")
    assert prior is BoneLengthPrior.population(name)


def test_the_average_man_has_a_measured_mans_bones():
    """A man whose distances are known: 43.5, 26.4, 19.6 mm, 179 mm from wrist to middle tip."""
    mean = 1e3 * BoneLengthPrior.population("man").mean
    assert mean[CHAIN].sum() == pytest.approx(179, abs=2)
    np.testing.assert_allclose(mean[[9, 10, 11]], (43.5, 26.4, 19.6), rtol=0.06)
    assert mean[[9, 10, 11]].sum() / mean[8] == pytest.approx(0.97, abs=1e-3)


def test_the_default_is_adult():
    assert BoneLengthPrior.default() is BoneLengthPrior.population("adult")
    assert HandSize().prior is BoneLengthPrior.population("adult")
    for name in POPULATIONS:
        size = HandSize(population=name)
        assert (size.prior, size.source) == (BoneLengthPrior.population(name), "prior")


@pytest.mark.parametrize("name", ["men", "", "Adult", 3])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(ValueError, match="one of adult, man, woman, child, anyone, got"):
        BoneLengthPrior.population(name)


def test_bone_lengths_and_a_population_are_refused_together():
    with pytest.raises(ValueError, match="either bone_lengths or population.*'woman'"):
        HandPoseEstimator("cpu", bone_lengths=BoneLengthPrior.default(), population="woman")


def test_the_command_line_takes_a_population(capsys):
    parser = argparse.ArgumentParser()
    add_estimator_arguments(parser)
    assert parser.parse_args([]).population is None
    assert parser.parse_args(["--population", "child"]).population == "child"
    with pytest.raises(SystemExit):
        parser.parse_args(["--population", "giant"])
    assert "anyone" in capsys.readouterr().err


def test_the_file_is_no_prior_by_itself():
    with pytest.raises(ValueError, match="populations.yaml: it holds populations.*adult"):
        BoneLengthPrior.load(POPULATIONS_PATH)


def ansur(path, rows):
    path.write_text("sex,stature_mm,hand_length_mm,palm_length_mm\n" + "".join(rows))
    return path


def test_the_file_is_made_from_measured_hands(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        f"{sex},{9.1 * length:.1f},{length:.1f},{length * share:.1f}\n"
        for sex, mean in (("male", 193.3), ("female", 181.1))
        for length, share in zip(
            rng.normal(mean, 10, 2000), rng.normal(0.602, 0.02, 2000), strict=True
        )
    ]
    found = populations.write(ansur(tmp_path / "hands.csv", rows), tmp_path / "out.yaml")
    made = yaml.safe_load((tmp_path / "out.yaml").read_text())
    shipped = yaml.safe_load(POPULATIONS_PATH.read_text())
    assert tuple(found) == POPULATIONS
    assert made["proportions"] == shipped["proportions"]
    assert (made["ruler"], made["bones"]) == (shipped["ruler"], shipped["bones"])
    for name in POPULATIONS:
        size, known = made["populations"][name], shipped["populations"][name]
        assert size["hand_length"] == pytest.approx(known["hand_length"], rel=0.02)
    np.testing.assert_allclose(made["shape"], shipped["shape"], atol=3e-4)


def test_shape_leaves_the_hands_length_alone():
    shape = np.array(yaml.safe_load(POPULATIONS_PATH.read_text())["shape"])
    mean = BoneLengthPrior.default().mean
    along = np.zeros(20)
    along[CHAIN] = mean[CHAIN] / mean[CHAIN].sum()
    assert along @ shape @ along == pytest.approx(0, abs=1e-8)
    ratio = np.zeros(20)
    ratio[8] = 1
    ratio[9:12] = -mean[9:12] / mean[9:12].sum()
    # ANSUR's palm over finger, within a sex: 8.2 %.
    assert np.sqrt(ratio @ shape @ ratio) == pytest.approx(0.082, abs=0.004)
    assert (shape[np.ix_(PALM, PALM)] > 0).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sex,stature_mm\n", "hand_length_mm, palm_length_mm are missing"),
        ("sex,stature_mm,hand_length_mm,palm_length_mm\nx,1,2,3\n", "male or female, got 'x'"),
        ("sex,stature_mm,hand_length_mm,palm_length_mm\n", "at least 2 rows of each sex"),
    ],
)
def test_what_is_no_table_of_hands(tmp_path, text, words):
    (tmp_path / "hands.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        populations.read_ansur(tmp_path / "hands.csv")


@pytest.mark.parametrize(
    ("hands_of", "prior_of", "median", "bias"),
    [
        ("adult", "adult", 0.05, 0.01),
        ("man", "man", 0.045, 0.015),
        ("woman", "woman", 0.045, 0.015),
        ("child", "child", 0.08, 0.02),
    ],
)
def test_distance_where_only_the_population_is_known(hands_of, prior_of, median, bias):
    found = population_errors(hands_of, prior_of, 2000, 0)
    assert found.median < median
    assert abs(found.bias) < bias
    assert 0.92 < found.inside < 0.97


def test_an_adults_prior_on_one_sex():
    """Nothing tells a man from a woman: he is too near, she too far, by half the difference."""
    man, woman = (population_errors(sex, "adult", 2000, 0) for sex in ("man", "woman"))
    assert -0.05 < man.bias < 0 < woman.bias < 0.05
    assert 0.92 < man.inside < 0.97
    assert 0.92 < woman.inside < 0.97


def test_the_command_prints_the_table(capsys):
    assert main(["evaluate", "populations", "--hands", "50"]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2 + len(PAIRS)
    found = population_errors("man", "adult", 50, 0)
    figures = [f"{found.median:.1%}", f"{found.bias:+.1%}", f"{found.inside:.1%}"]
    assert rows[3] == ["man", "adult", *figures]
    assert main(["evaluate", "populations", "--hands", "1"]) == 2
    assert "at least 2" in capsys.readouterr().err

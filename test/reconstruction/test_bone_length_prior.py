"""Bone-length priors: files, sizes, and what is refused."""

import numpy as np
import pytest
import yaml

from hand_pose_25d.reconstruction.bone_length_prior import (
    BONE_NAMES,
    POPULATIONS_PATH,
    BoneLengthPrior,
)

PRIOR = BoneLengthPrior.default()
ALONG = np.isin(np.arange(20), [8, 9, 10, 11]).astype(float)


def test_default_is_a_human_population():
    assert 0.18 < PRIOR.hand_length < 0.195  # women's mean and men's: 0.181 and 0.193
    assert PRIOR.hand_length == pytest.approx(PRIOR.ruler * (PRIOR.mean @ ALONG))
    assert 0.03 < PRIOR.hand_length_deviation / PRIOR.hand_length < 0.2
    deviation = np.sqrt(np.diag(PRIOR.covariance))
    assert ((0.03 < deviation / PRIOR.mean) & (deviation / PRIOR.mean < 0.3)).all()
    correlation = PRIOR.covariance / np.outer(deviation, deviation)
    assert correlation.min() > 0.1
    assert correlation.mean() > 0.5  # a hand is large or small as a whole
    assert np.linalg.eigvalsh(PRIOR.covariance)[0] > 0
    assert "population adult" in PRIOR.source


def test_file_round_trip(tmp_path):
    PRIOR.save(tmp_path / "sub" / "prior.yaml", hand_scale=1.1)
    again = BoneLengthPrior.load(tmp_path / "sub" / "prior.yaml")
    np.testing.assert_allclose(again.mean, PRIOR.mean, atol=1e-6)
    np.testing.assert_allclose(again.covariance, PRIOR.covariance, atol=2e-9)
    assert again.source == PRIOR.source
    assert again.ruler == PRIOR.ruler
    data = yaml.safe_load((tmp_path / "sub" / "prior.yaml").read_text())
    assert data["hand_scale"] == 1.1
    exact = BoneLengthPrior.exact(PRIOR.mean)
    exact.save(tmp_path / "exact.yaml")
    assert (BoneLengthPrior.load(tmp_path / "exact.yaml").covariance == 0).all()


def test_a_person_may_write_names_in_any_order(tmp_path):
    order = np.random.default_rng(0).permutation(20)
    data = {
        "bones": [BONE_NAMES[i] for i in order],
        "mean": [float(PRIOR.mean[i]) for i in order],
        "deviation": [0.1 * float(PRIOR.mean[i]) for i in order],
        "correlation": 0.8,
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(data))
    prior = BoneLengthPrior.load(tmp_path / "mine.yaml")
    np.testing.assert_allclose(prior.mean, PRIOR.mean)
    expected = 0.01 * np.outer(PRIOR.mean, PRIOR.mean) * (0.8 + 0.2 * np.eye(20))
    np.testing.assert_allclose(prior.covariance, expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": None}, "mean, deviation and correlation disagree"),
        ({"mean": [0.03] * 19}, "20"),
        ({"mean": [30.0] * 20}, "wrist-thumb_cmc has 0.003 to 0.3 m, got 30.0"),
        ({"mean": ["long"] * 20}, "'mean' must be numbers"),
        ({"bones": ["wrist-index"] * 20}, "must name each of"),
        ({"deviation": [0.01] * 3}, "disagree"),
        ({"correlation": [[1.0]]}, "disagree"),
        ({"correlation": -0.9}, "negative eigenvalue"),
        ({"ruler": 1000.0}, "'ruler' lies between"),
        ({"ruler": "long"}, "'ruler' must be numbers"),
        ({"deviation": [float("nan")] * 20}, "finite"),
        ({"covariance": [[0.1, 0.2], [0.1, 0.1]]}, "square covariance"),
    ],
)
def test_wrong_files_say_what_is_wrong(tmp_path, change, words):
    data = {**PRIOR.to_mapping(), **change}
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ValueError, match=words) as error:
        BoneLengthPrior.load(path)
    assert "bad.yaml" in str(error.value)


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "mean: [", "just words", "bones: 3"])
def test_files_that_are_no_prior(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="bad.yaml"):
        BoneLengthPrior.load(path)
    with pytest.raises(FileNotFoundError):
        BoneLengthPrior.load(tmp_path / "none.yaml")


def test_missing_keys_are_named(tmp_path):
    (tmp_path / "a.yaml").write_text("deviation: 3\n")
    with pytest.raises(ValueError, match="'mean' is missing.*deviation"):
        BoneLengthPrior.load(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text(yaml.safe_dump({"mean": [0.03] * 20}))
    with pytest.raises(ValueError, match="'covariance' or the key 'deviation'"):
        BoneLengthPrior.load(tmp_path / "b.yaml")


@pytest.mark.parametrize("length", [0.14, 0.17, 0.188, 0.21])
def test_with_hand_length_conditions_the_population(length):
    population = BoneLengthPrior.population("anyone")
    known = population.with_hand_length(length, deviation=0.001)
    assert known.hand_length == pytest.approx(length)
    assert known.hand_length_deviation == pytest.approx(0.001, rel=0.01)
    # Against sampling: people of that length out of the population.
    rng = np.random.default_rng(0)
    people = rng.multivariate_normal(population.mean, population.covariance, 400_000)
    like = people[np.abs(PRIOR.ruler * (people @ ALONG) - length) < 0.002]
    np.testing.assert_allclose(known.mean, like.mean(0), rtol=0.02)
    np.testing.assert_allclose(
        np.sqrt(np.diag(known.covariance)), like.std(0), rtol=0.15, atol=1e-4
    )


def test_scaled_is_a_hand_of_that_size():
    large = PRIOR.scaled(1.2, deviation=0.01)
    np.testing.assert_allclose(large.mean, 1.2 * PRIOR.mean)
    assert large.hand_length_deviation == pytest.approx(0.01 * large.hand_length)
    assert np.linalg.eigvalsh(large.covariance)[0] > 0
    assert (np.diag(large.covariance) < 1.44 * np.diag(PRIOR.covariance)).all()
    twice = BoneLengthPrior.exact(PRIOR.mean).scaled(1.1, deviation=0.0)
    np.testing.assert_allclose(twice.mean, 1.1 * PRIOR.mean)
    assert (twice.covariance == 0).all()
    exact = BoneLengthPrior.exact(PRIOR.mean).with_hand_length(0.2)
    assert exact.hand_length == pytest.approx(0.2)


@pytest.mark.parametrize("length", [0.0, -0.1, 0.05, 0.5, 180.0, float("nan")])
def test_lengths_that_no_hand_has(length):
    with pytest.raises(ValueError, match="hand's length lies between 0.08 and 0.3 m"):
        PRIOR.with_hand_length(length)


@pytest.mark.parametrize("scale", [0.0, -1.0, 0.2, 3.0, float("nan"), float("inf")])
def test_scales_that_no_hand_has(scale):
    with pytest.raises(ValueError, match="hand's scale lies between"):
        PRIOR.scaled(scale)


def test_from_samples_is_mean_and_covariance():
    rng = np.random.default_rng(1)
    people = rng.multivariate_normal(PRIOR.mean, PRIOR.covariance, 20_000)
    measured = BoneLengthPrior.from_samples(people, "a test")
    np.testing.assert_allclose(measured.mean, PRIOR.mean, rtol=0.01)
    np.testing.assert_allclose(measured.covariance, PRIOR.covariance, rtol=0.2, atol=1e-6)
    wider = BoneLengthPrior.from_samples(people, individual=0.05)
    np.testing.assert_allclose(
        np.diag(wider.covariance - measured.covariance), (0.05 * measured.mean) ** 2
    )
    with pytest.raises(ValueError, match="bone lengths"):
        BoneLengthPrior.from_samples(people[:1])


@pytest.mark.parametrize(
    ("mean", "covariance", "words"),
    [
        (np.zeros(20), np.eye(20), "0.003"),
        (PRIOR.mean, np.full((20, 20), np.nan), "finite"),
        (PRIOR.mean, -np.eye(20), "negative eigenvalue"),
        (PRIOR.mean, np.triu(np.ones((20, 20))), "symmetric"),
        (PRIOR.mean[:5], np.eye(20), "got .5,"),
    ],
)
def test_what_is_no_gaussian_is_refused(mean, covariance, words):
    with pytest.raises(ValueError, match=words):
        BoneLengthPrior(mean, covariance)


def test_default_file_is_in_the_package_and_immutable():
    assert POPULATIONS_PATH.is_file()
    with pytest.raises(ValueError, match="read-only"):
        PRIOR.mean[0] = 1.0

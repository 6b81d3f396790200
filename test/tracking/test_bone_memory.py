"""Bones over time: learned, carried over, shared, forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.reconstruction.bone_constraints import PARENT
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.bone_posterior import BonePosterior, LogBones
from hand_pose_25d.reconstruction.error_model import INDEPENDENT
from hand_pose_25d.reconstruction.reconstruct import reconstruct
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d.tracking.bone_memory import (
    CORRELATION_TIME,
    FORGET_MISFIT,
    LESSON_PERIOD,
    BoneMemory,
    shared_bones,
)
from hand_pose_25d.tracking.track import TrackedHand
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands, sample_lengths
from hand_pose_25d_train.evaluation.project.simulated_poses import Noise, noisy_observation

PRIOR = BoneLengthPrior.default()
BASE = LogBones(*PRIOR.log_moments)
BASE_MEAN = BASE.log_mean
RATE = 1.0  # images a second, slow enough to be told something by each


def hand(track_id: int, right: bool = True) -> TrackedHand:
    return TrackedHand(track_id, "tracked", right, 0.9, Region((0.0, 0.0), 1.0), track_id - 1)


def person(seed: int, count: int, fingers: float = 1.0, noise_seed: int = 0):
    """Images of one person, whose fingers are longer by a factor than drawn."""
    lengths = sample_lengths(PRIOR, 1, np.random.default_rng(seed))
    lengths[:, PARENT != WRIST] *= fingers
    rng = np.random.default_rng(noise_seed)
    hands = sample_hands(PRIOR, count, rng, (0.5, 0.7), lengths=np.tile(lengths, (count, 1)))
    return noisy_observation(hands, Noise(), rng), np.log(lengths[0])


def step(memory: BoneMemory, stamp: float, hands, poses) -> None:
    priors, evidence = memory.recall(stamp, hands)
    arrays = (poses.xy, poses.relative_depth, poses.xy_covariance, poses.depth_variance)
    found = reconstruct(*arrays, priors, errors=INDEPENDENT, evidence=evidence)
    assert (found.bones is not None) == evidence.teaches
    if found.bones is not None:
        memory.learn(stamp, hands, found.bones)


def follow(memory: BoneMemory, poses, track_id: int = 1, start: float = 0.0) -> list[LogBones]:
    known = []
    for i in range(len(poses.xy)):
        step(memory, start + i / RATE, [hand(track_id)], poses.take(slice(i, i + 1)))
        known.append(memory.bones(track_id))
    return known


@pytest.mark.parametrize("seed", range(2))
def test_a_minute_of_one_hand_teaches_its_proportions(seed: int):
    memory = BoneMemory(PRIOR)
    poses, truth = person(seed, int(60 * RATE))
    known = follow(memory, poses)
    errors = [float(np.std(bones.log_mean - truth)) for bones in (BASE, known[-1])]
    assert errors[1] < 0.6 * errors[0], errors
    values = np.linalg.eigvalsh(known[-1].log_covariance)
    assert values[0] > 0
    scales = np.array([bones.log_mean[4] for bones in known[len(known) // 2 :]])
    assert scales.std() < 0.01


def test_time_counts_and_not_images():
    """A second at 20 images a second teaches as much as one at 5."""
    poses, _ = person(4, 1)
    after = []
    for rate in (20, 5):
        memory = BoneMemory(PRIOR)
        for i in range(rate + 1):
            step(memory, i / rate, [hand(1)], poses)
        after.append(np.diag(memory.bones(1).log_covariance))
    np.testing.assert_allclose(after[0], after[1], rtol=0.03)


def test_an_image_after_a_long_time_counts_whole_and_one_at_once_for_nothing():
    memory = BoneMemory(PRIOR)
    poses, _ = person(4, 1)
    shares = []
    for stamp in (0.0, 0.0, LESSON_PERIOD / 2, CORRELATION_TIME, CORRELATION_TIME + 4.9):
        shares.append(float(memory.recall(stamp, [hand(1)])[1].share[0]))
        step(memory, stamp, [hand(1)], poses)
    assert shares == pytest.approx([1.0, 0.0, 0.0, np.tanh(0.5), np.tanh(4.9 / 4)], abs=1e-6)


def test_another_person_is_noticed_and_the_same_one_is_not():
    memory = BoneMemory(PRIOR)
    same, _ = person(0, int(60 * RATE))
    other, truth = person(0, int(30 * RATE), fingers=1.25)
    follow(memory, same)
    learned = memory.bones(1)
    assert np.std(learned.log_mean - BASE.log_mean) > 0.01  # never forgot
    known = follow(memory, other, start=60.0)
    errors = [float(np.std(bones.log_mean - truth)) for bones in (learned, known[-1])]
    assert errors[1] < 0.5 * errors[0], errors
    population = [i / RATE for i, bones in enumerate(known) if bones.log_mean is BASE_MEAN]
    assert population and population[0] <= 15, population


def test_tracks_keep_their_own_bones_for_a_while():
    memory = BoneMemory(PRIOR)
    poses, _ = person(1, 20)
    follow(memory, poses)
    learned = memory.bones(1)
    assert memory.bones(2) == BASE
    step(memory, 22.0, [hand(2)], poses.take(slice(0, 1)))
    assert memory.bones(1) is learned  # out of sight, and taken up again
    step(memory, 40.0, [hand(2)], poses.take(slice(0, 1)))
    assert memory.bones(1) == BASE


def both(memory: BoneMemory, seconds: float, hands, lengths) -> None:
    left, right = (
        person(2, int(seconds * RATE), fingers, noise)[0] for noise, fingers in enumerate(lengths)
    )
    for i in range(int(seconds * RATE)):
        rows = [left.take(slice(i, i + 1)), right.take(slice(i, i + 1))]
        merged = type(left)(*(np.concatenate([getattr(r, n) for r in rows]) for n in (
            "xy", "relative_depth", "xy_covariance", "depth_variance")))  # fmt: skip
        step(memory, i / RATE, hands, merged)


@pytest.mark.parametrize(
    ("hands", "seconds", "fingers", "shared"),
    [([hand(1), hand(2, False)], 12, (1, 1), True), ([hand(1), hand(2, False)], 4, (1, 1), False),
     ([hand(1), hand(2)], 12, (1, 1), False), ([hand(1), hand(2, False)], 12, (0.85, 1.3), False)],
    ids=["one person", "too short", "two right hands", "two people"],
)  # fmt: skip
def test_a_left_and_a_right_hand_share(hands, seconds, fingers, shared):
    memory = BoneMemory(PRIOR)
    both(memory, seconds, hands, fingers)
    assert (memory.bones(1) is memory.bones(2)) == shared


def test_what_two_hands_tell_together_counts_the_population_once():
    rng = np.random.default_rng(0)
    gain = 0.05 * rng.standard_normal((20, 6))
    precision = np.linalg.inv(BASE.log_covariance)
    told = gain @ gain.T * 1e4
    one = LogBones(BASE.log_mean, np.linalg.inv(precision + told))
    found = shared_bones(one, one, BASE)
    expected = np.linalg.inv(precision + 2 * told)
    np.testing.assert_allclose(found.log_covariance, expected, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.log_mean, BASE.log_mean, atol=1e-9)
    other = LogBones(BASE.log_mean + 0.3 * rng.standard_normal(20), one.log_covariance)
    assert shared_bones(one, other, BASE) is None


def test_what_is_not_finite_teaches_nothing():
    memory = BoneMemory(PRIOR)
    memory.recall(0.0, [hand(1)])
    unknown = BonePosterior(
        np.full((1, 20), np.nan), np.full((1, 20, 20), np.nan), np.full(1, np.nan)
    )
    memory.learn(0.0, [hand(1)], unknown)
    assert memory.bones(1) == BASE
    certain = BonePosterior(np.zeros((1, 20)), np.eye(20)[None], np.full(1, FORGET_MISFIT + 1))
    memory.learn(0.0, [hand(1)], certain)
    assert memory.bones(1) == BASE

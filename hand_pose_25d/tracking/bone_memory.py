"""BoneMemory: what the images of a track tell of its hand's bones, kept for the next image.

The posterior of one image is the prior of the next.  Three things are not as in a textbook: the
network's errors are much the same from one image to the next, so that time counts and not images;
what was learned fades, since a pose held for long teaches the network's faults at this pose; and
the hand can become another person's, which shows by bones that no longer fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.bone_posterior import (
    NOTHING,
    BoneEvidence,
    BonePosterior,
    LogBones,
)
from hand_pose_25d.skeleton import BONES
from hand_pose_25d.tracking.track import TrackedHand

CORRELATION_TIME = 2.0
"""Seconds over which an error of the network lives, as an AR(1) process: an image `dt` after the
last one then counts for tanh(dt / 2 CORRELATION_TIME) of an independent one."""
FADE_TIME = 120.0
"""Seconds in which the variance of learned proportions returns to the population's."""
FORGET_MISFIT = 4.0
"""Log likelihood ratio, summed while it speaks for the population, from which the bones are taken
for another person's."""
SHARE_AFTER = 5.0
"""Seconds a left and a right hand are in view, and no third, to be taken for one person's."""
SHARE_DISTANCE = 37.6
"""99 % point of chi-square with 20 degrees of freedom: bones that differ more are not shared."""
MEMORY = 5.0
"""Seconds for which the bones of a track out of sight are kept; longer than the tracker's."""
LESSON_PERIOD = 0.09
"""Seconds from one image that teaches bones to the next: what is between has nothing to add."""
_SHAPE = np.eye(len(BONES)) - 1 / len(BONES)
"""Takes the common size out of log lengths."""


@dataclass
class _Person:
    """What is known of the bones of one person, of one hand or both."""

    bones: LogBones
    learned_at: float | None = None
    """Stamp of the last image that counted; None before the first."""
    misfit: float = 0.0
    last_id: int = 0
    """The hand whose turn was last."""


@dataclass
class _Pair:
    """A left and a right hand in view together."""

    since: float
    until: float


@dataclass
class BoneMemory:
    """Bones by track.  Not thread-safe: the estimator holds the lock."""

    prior: BoneLengthPrior
    """The population's."""
    _persons: dict[int, _Person] = field(default_factory=dict)
    _seen: dict[int, float] = field(default_factory=dict)
    _pairs: dict[tuple[int, int], _Pair] = field(default_factory=dict)
    _turns: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._base = LogBones(*self.prior.log_moments)

    def bones(self, track_id: int) -> LogBones:
        """Return what is known of a hand's bones: the population's of one never seen."""
        person = self._persons.get(track_id)
        return self._base if person is None else person.bones

    def recall(
        self, stamp: float, hands: Sequence[TrackedHand]
    ) -> tuple[list[LogBones], BoneEvidence]:
        """Return the priors of the hands seen in an image, and what the image counts for."""
        self._pair(stamp, hands)
        self._turns, shares = [], []
        present = {hand.track_id for hand in hands}
        for hand in hands:
            person = self._persons.setdefault(hand.track_id, _Person(self._base))
            self._seen[hand.track_id] = stamp
            others = {i for i in present if self._persons.get(i) is person} - {hand.track_id}
            waits = bool(others & set(self._turns)) or (others and person.last_id == hand.track_id)
            if waits or self._just_taught(person, stamp):
                shares.append(NOTHING)
                continue
            self._turns.append(hand.track_id)
            shares.append(self._share(person, stamp))
        priors = [self._persons[hand.track_id].bones for hand in hands]
        return priors, BoneEvidence(np.array(shares), self._base)

    def learn(self, stamp: float, hands: Sequence[TrackedHand], found: BonePosterior) -> None:
        """Take what the image of the last `recall` told, row by row of its hands."""
        known = np.isfinite(found.log_mean).all(1) & np.isfinite(found.log_covariance).all((1, 2))
        for row, hand in enumerate(hands):
            if hand.track_id not in self._turns or not known[row]:
                continue
            person = self._persons[hand.track_id]
            person.misfit = max(person.misfit + float(found.misfit[row]), 0.0)
            person.learned_at, person.last_id = stamp, hand.track_id
            if person.misfit > FORGET_MISFIT:
                self._forget(person)
            else:
                person.bones = LogBones(found.log_mean[row], found.log_covariance[row])
        for track_id in [i for i, seen in self._seen.items() if stamp - seen > MEMORY]:
            self._persons.pop(track_id, None)
            del self._seen[track_id]

    def _just_taught(self, person: _Person, stamp: float) -> bool:
        last = person.learned_at
        return last is not None and 0.0 <= stamp - last < LESSON_PERIOD

    def _share(self, person: _Person, stamp: float) -> float:
        """Return what an image counts for, and let fade what was learned before."""
        if person.learned_at is None:
            return 1.0
        elapsed = max(stamp - person.learned_at, 0.0)
        lost = _SHAPE @ (self._base.log_covariance - person.bones.log_covariance) @ _SHAPE
        faded = person.bones.log_covariance + min(elapsed / FADE_TIME, 1.0) * lost
        person.bones = LogBones(person.bones.log_mean, faded)
        return max(math.tanh(elapsed / (2 * CORRELATION_TIME)), NOTHING)

    def _forget(self, person: _Person) -> None:
        """Start anew: each hand with the population's bones, on its own."""
        for track_id, other in self._persons.items():
            if other is person:
                self._persons[track_id] = _Person(self._base)

    def _pair(self, stamp: float, hands: Sequence[TrackedHand]) -> None:
        """Let a left and a right hand share their bones once they are in view for long."""
        self._pairs = {
            ids: pair for ids, pair in self._pairs.items() if stamp - pair.until < MEMORY
        }
        if len(hands) != 2 or hands[0].is_right == hands[1].is_right:
            self._pairs = {}
            return
        for a, b in combinations(sorted(hand.track_id for hand in hands), 2):
            pair = self._pairs.setdefault((a, b), _Pair(stamp, stamp))
            pair.until = stamp
            one, other = self._persons.get(a), self._persons.get(b)
            if one is None or other is None or one is other or stamp - pair.since < SHARE_AFTER:
                continue
            both = shared_bones(one.bones, other.bones, self._base)
            if both is not None:
                self._persons[a] = self._persons[b] = _Person(both, stamp)


def shared_bones(one: LogBones, other: LogBones, base: LogBones) -> LogBones | None:
    """Return what two hands of one person tell together, each learned from the same `base`.

    None where they differ so much that they are not one person's.
    """
    apart = one.log_mean - other.log_mean
    spread = one.log_covariance + other.log_covariance
    if float(apart @ np.linalg.solve(spread, apart)) > SHARE_DISTANCE:
        return None
    weights = [np.linalg.inv(bones.log_covariance) for bones in (one, other, base)]
    covariance = np.linalg.inv(weights[0] + weights[1] - weights[2])
    pulls = [w @ bones.log_mean for w, bones in zip(weights, (one, other, base), strict=True)]
    mean = covariance @ (pulls[0] + pulls[1] - pulls[2])
    return LogBones(mean, (covariance + covariance.T) / 2)

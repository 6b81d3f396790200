"""Track: one hand through time, as the tracker keeps it.

Its region moves with constant velocity between images, every image votes on its handedness, and
its size does not fall faster than a hand can move away from the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hand_pose_25d.geometry.roi import Region, same_crop
from hand_pose_25d.hand_pose import HandPose, ScaleSource, TrackState
from hand_pose_25d.handedness import log_odds
from hand_pose_25d.inference.landmarks import lost_hand
from hand_pose_25d.tracking.redetection import NOMINAL_PERIOD

VELOCITY_GAIN = 0.6  # share of a velocity measured over a nominal period; the rest is the old
SIZE_GAIN = 0.3  # the same for the size, which changes slowly and is measured with more noise
MIN_BASELINE = 0.01  # seconds: over less, a pixel of noise is a velocity of hundreds of px/s
MAX_STEP = 0.75  # of the region's size: no prediction moves further
SHRINK_TIME = 0.25  # seconds in which the size may fall by a factor e
MAX_LOG_ODDS = 6.0  # so that a wrong decision can still be overturned, within about ten images
MAX_VOTE = 2.0  # log odds one image may contribute at most
FLIP_MARGIN = 1.5  # log odds for the other hand before the decision changes
CLEAR_VOTE, FIRM_ODDS = 1.0, 2.0  # log odds of an image and of a track that exclude one another
DOUBTFUL_SWEEPS, DOUBTFUL_TIME = 2, 2.0  # sweeps, and seconds since the first of them


class Proposal(NamedTuple):
    """A region on which the pose network is to run in this image, and the track it is for."""

    track_id: int
    region: Region
    p_right: float
    """By all images so far; below 0.5 the crop is to be mirrored for the pose network."""


@dataclass(frozen=True)
class TrackedHand:
    """One hand in one image."""

    track_id: int
    state: TrackState
    """"detected": the region came from the detector; "tracked": from the previous pose; "lost":
    not seen in this image, so there is no pose.  After two such images in a row the track ends."""
    is_right: bool
    """Decided over time."""
    p_right: float
    region: Region
    """Of the pose, or the predicted one where it is lost."""
    index: int | None
    """The row of the observations that is this hand's.  Where two hands cross it need not be the
    one of its own proposal.  None where the hand is lost."""
    ended: bool = False
    """True in the last image in which this track is reported."""

    def named(self, pose: HandPose | None, scale_source: ScaleSource) -> HandPose:
        """Return the pose seen of this hand, or the record of a lost one, with id and state.

        `scale_source`: a lost one's.
        """
        pose = pose or lost_hand(self.region, self.p_right, scale_source)
        return replace(pose, track_id=self.track_id, state=self.state)


@dataclass
class Track:
    """One hand through time.  Pixels, seconds, radians."""

    track_id: int
    region: Region
    """At `stamp`."""
    stamp: float
    log_odds_right: float = 0.0
    is_right: bool = True
    velocity: tuple[float, float] = (0.0, 0.0)
    """Of the centre, pixels a second."""
    size_rate: float = 0.0
    """Of the logarithm of the size, 1/s."""
    anchor: tuple[Region, float] | None = None
    """The pose's region and stamp from which the next velocity is measured."""
    crop: Region | None = None
    """The last region proposed: see `propose`."""
    hits: int = 0
    """Images in which the pose network saw the hand."""
    misses: int = 0
    """Images in a row in which it did not."""
    detected: bool = True
    """In this sweep of the detector, or by the one that found it."""
    doubts: int = 0
    """Sweeps in a row in which no detection was of this hand."""
    doubted_at: float = 0.0
    """Stamp of the first of them."""

    @classmethod
    def start(cls, track_id: int, region: Region, stamp: float, p_right: float) -> Track:
        """Make the track of a hand that a detector found."""
        odds = log_odds(p_right, MAX_VOTE)
        return cls(track_id, region, stamp, odds, odds >= 0)

    @property
    def p_right(self) -> float:
        """Probability that this is a right hand, by all images so far."""
        return 1 / (1 + math.exp(-self.log_odds_right))

    def predict(self, stamp: float) -> Region:
        """Return where the hand should be at `stamp`, by constant velocity."""
        dt = stamp - self.stamp
        dx, dy = self.velocity[0] * dt, self.velocity[1] * dt
        step, longest = math.hypot(dx, dy), MAX_STEP * self.region.size
        if step > longest:
            dx, dy = dx * longest / step, dy * longest / step
        growth = math.exp(min(max(self.size_rate * dt, -0.2), 0.2))
        cx, cy = self.region.center
        return Region((cx + dx, cy + dy), self.region.size * growth, self.region.angle)

    def propose(self, stamp: float) -> Region:
        """Return the region to run the pose network on at `stamp`.

        It is the last one while the predicted one is about the same (`same_crop`): a crop that
        follows every pose's noise makes noise of its own, and a hand at rest gets the same crop.
        """
        predicted = self.predict(stamp)
        if self.crop is None or not same_crop(self.crop, predicted):
            self.crop = predicted
        return self.crop

    def hit(self, region: Region, stamp: float) -> None:
        """Take the region of a pose measured at `stamp`: position, velocity, size."""
        dt = stamp - self.stamp
        if dt > 0:
            floor = self.region.size * math.exp(-dt / SHRINK_TIME)
            region = Region(region.center, max(region.size, floor), region.angle)
        self._measure_velocity(region, stamp)
        self.region, self.stamp = region, stamp
        self.hits, self.misses = self.hits + 1, 0

    def _measure_velocity(self, region: Region, stamp: float) -> None:
        """Update velocities by the way since the anchor, weighted by the time it took.

        Stamps can come in bursts, two images a millisecond apart: the anchor then stays where it
        is until `MIN_BASELINE` has passed.
        """
        if self.anchor is None:  # a detector's region is too coarse to measure velocities from
            self.anchor = region, stamp
            return
        start, baseline = self.anchor[0], stamp - self.anchor[1]
        if baseline < MIN_BASELINE:
            return
        periods = baseline / NOMINAL_PERIOD
        gain = 1 - (1 - VELOCITY_GAIN) ** periods if self.hits > 1 else 1.0
        measured = (np.array(region.center) - np.array(start.center)) / baseline
        vx, vy = (1 - gain) * np.array(self.velocity) + gain * measured
        self.velocity = (float(vx), float(vy))
        rate = math.log(region.size / start.size) / baseline
        self.size_rate += (1 - (1 - SIZE_GAIN) ** periods) * (rate - self.size_rate)
        self.anchor = region, stamp

    def miss(self, stamp: float) -> None:
        """Take note that the hand was not seen at `stamp`: it is assumed to move on."""
        self.region, self.stamp = self.predict(stamp), stamp
        self.velocity = (self.velocity[0] * 0.7, self.velocity[1] * 0.7)
        self.size_rate = 0.0
        self.misses += 1

    def move_to(self, region: Region, stamp: float) -> None:
        """Put the track where a detector found its hand; its velocity is then unknown."""
        self.region, self.stamp, self.crop = region, stamp, None
        self.velocity, self.size_rate, self.anchor = (0.0, 0.0), 0.0, None

    def swept(self, stamp: float) -> None:
        """Take note that the detector has looked everywhere once more."""
        if not self.detected and not self.doubts:
            self.doubted_at = stamp
        self.doubts = 0 if self.detected else self.doubts + 1
        self.detected = False

    def is_doubtful(self, stamp: float) -> bool:
        """Tell whether the pose network alone takes this for a hand, and has done so for long.

        It may be none: a pose network that sees nothing but its own crops can stay on a face.
        """
        return self.doubts >= DOUBTFUL_SWEEPS and stamp - self.doubted_at >= DOUBTFUL_TIME

    def vote(self, p_right: float) -> None:
        """Add one image's vote on the handedness; the decision changes only past a margin."""
        odds = self.log_odds_right + log_odds(p_right, MAX_VOTE)
        self.log_odds_right = min(max(odds, -MAX_LOG_ODDS), MAX_LOG_ODDS)
        margin = FLIP_MARGIN if self.hits > 1 else 0.0
        if self.is_right != (self.log_odds_right >= 0) and abs(self.log_odds_right) > margin:
            self.is_right = not self.is_right

    def gate(self, p_right: float) -> bool:
        """Tell whether a hand of this handedness can be the track's: not if both are sure."""
        odds = log_odds(p_right, MAX_VOTE)
        clear, firm = abs(odds) > CLEAR_VOTE, abs(self.log_odds_right) > FIRM_ODDS
        return not (clear and firm and odds * self.log_odds_right < 0)

    def report(self, state: TrackState, index: int | None, ended: bool) -> TrackedHand:
        """Return the track in this image; `state` counts where it was not missed."""
        state = "lost" if self.misses else state
        return TrackedHand(
            self.track_id, state, self.is_right, self.p_right, self.region, index, ended
        )

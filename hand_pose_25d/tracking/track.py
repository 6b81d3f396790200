"""Track: one hand through time, as the tracker keeps it.

Its region moves with constant velocity between images, its handedness is decided from all that was
seen so far, and its size does not fall faster than a hand can move away from the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hand_pose_25d.geometry.roi import Region

VELOCITY_GAIN = 0.6  # share of the newest measured velocity; the rest is the velocity before it
SIZE_GAIN = 0.3  # sizes and angles change slowly and are measured with more noise than centres
MAX_STEP = 0.75  # of the region's size: no prediction moves further
SHRINK_TIME = 0.25  # seconds in which the size may fall by a factor e
MAX_LOG_ODDS = 6.0  # so that a wrong belief can still be overturned, within about ten images
EVIDENCE = 2.0  # log odds one image may contribute at most
FLIP_MARGIN = 1.5  # log odds to the other side before the decision changes


def log_odds(probability: float, limit: float) -> float:
    """Return ln(p / (1 - p)), limited to [-limit, limit]; an unknown (NaN) probability gives 0."""
    if not math.isfinite(probability):
        return 0.0
    p = min(max(probability, 1e-9), 1 - 1e-9)
    return min(max(math.log(p / (1 - p)), -limit), limit)


def region_iou(a: Region, b: Region) -> float:
    """Return the intersection over union of two regions' squares, their angles disregarded."""
    half = (a.size + b.size) / 2
    width = min(half - abs(a.center[0] - b.center[0]), a.size, b.size)
    height = min(half - abs(a.center[1] - b.center[1]), a.size, b.size)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (a.size**2 + b.size**2 - common)


def center_distance(a: Region, b: Region) -> float:
    """Return the distance of the centres in units of the larger region's size."""
    return math.dist(a.center, b.center) / max(a.size, b.size)


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
    hits: int = 0
    """Images in which the pose network saw the hand."""
    misses: int = 0
    """Images in a row in which it did not."""

    @classmethod
    def start(cls, track_id: int, region: Region, stamp: float, right_probability: float) -> Track:
        """Make the track of a hand that a detector found."""
        odds = log_odds(right_probability, EVIDENCE)
        return cls(track_id, region, stamp, odds, odds >= 0)

    @property
    def right_probability(self) -> float:
        """Probability that this is a right hand, by everything seen so far."""
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

    def see(self, region: Region, stamp: float) -> None:
        """Take the region of a pose measured at `stamp`: position, velocity, size."""
        dt = stamp - self.stamp
        if dt > 0:
            floor = self.region.size * math.exp(-dt / SHRINK_TIME)
            region = Region(region.center, max(region.size, floor), region.angle)
            gain = VELOCITY_GAIN if self.hits > 1 else 1.0
            if self.hits > 0:  # a detector's region is too coarse to measure velocities from
                measured = (np.array(region.center) - np.array(self.region.center)) / dt
                vx, vy = (1 - gain) * np.array(self.velocity) + gain * measured
                self.velocity = (float(vx), float(vy))
                rate = math.log(region.size / self.region.size) / dt
                self.size_rate += SIZE_GAIN * (rate - self.size_rate)
        self.region, self.stamp = region, stamp
        self.hits, self.misses = self.hits + 1, 0

    def miss(self, stamp: float) -> None:
        """Take note that the hand was not seen at `stamp`: it is thought to move on."""
        self.region, self.stamp = self.predict(stamp), stamp
        self.velocity = (self.velocity[0] * 0.7, self.velocity[1] * 0.7)
        self.size_rate = 0.0
        self.misses += 1

    def move_to(self, region: Region, stamp: float) -> None:
        """Put the track where a detector found its hand; nothing is known of its velocity then."""
        self.region, self.stamp = region, stamp
        self.velocity, self.size_rate = (0.0, 0.0), 0.0

    def believe(self, right_probability: float, weight: float = 1.0) -> None:
        """Take one image's word on the handedness; the decision changes only past a margin."""
        odds = self.log_odds_right + weight * log_odds(right_probability, EVIDENCE)
        self.log_odds_right = min(max(odds, -MAX_LOG_ODDS), MAX_LOG_ODDS)
        margin = FLIP_MARGIN if self.hits > 1 else 0.0
        if self.is_right != (self.log_odds_right >= 0) and abs(self.log_odds_right) > margin:
            self.is_right = not self.is_right

    def contradicts(self, right_probability: float) -> bool:
        """Tell whether one image's clear word on the handedness is against a firm belief."""
        odds = log_odds(right_probability, EVIDENCE)
        return abs(odds) > 1 and abs(self.log_odds_right) > 2 and odds * self.log_odds_right < 0

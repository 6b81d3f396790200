"""RedetectionSchedule: in which images the detector runs, and on which parts of them."""

from __future__ import annotations

import math

NOMINAL_PERIOD = 1 / 30
"""Seconds that an image counts for where its stamp stands still."""
IMAGES_FREE = 2
"""Images at least after those of a sweep at an interval: slow images must not cause more
detections, which make them slower."""
PARTS_AT_ONCE = 2
"""Parts of a sweep on the first image of all, and on one in which a hand is missed."""


def check_count(name: str, count: float) -> None:
    """Raise ValueError unless it is a whole number of at least 1."""
    if count != int(count) or count < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {count!r}")


def check_seconds(name: str, seconds: float) -> None:
    """Raise ValueError unless it is a finite number from 0 on."""
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{name} must be a number of seconds from 0 on, got {seconds!r}")


class RedetectionSchedule:
    """Sweeps of the detector: one after another without a hand or after a miss, else at intervals.

    A sweep is `parts` looks that together show the whole image at every scale.  An image has one
    of them, so that none pays for all; `PARTS_AT_ONCE` where an answer is waited for.  A sweep
    that looks for hands ends when all are followed; one that checks those goes through.
    """

    def __init__(self, redetect_interval: float, search_interval: float, parts: int = 1) -> None:
        """Take the intervals in seconds: with all hands tracked, and with some but not all.

        An interval above 0 also means `IMAGES_FREE` images without the detector after each sweep.

        Raises ValueError for intervals and parts that are none.
        """
        check_seconds("redetect_interval", redetect_interval)
        check_seconds("search_interval", search_interval)
        check_count("detector_parts", parts)
        self.redetect_interval, self.search_interval = redetect_interval, search_interval
        self.parts = int(parts)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the detector is due."""
        self._begun_at: float | None = None
        self._stepped_at: float | None = None
        self._images = 0  # since the sweep's first, that one included
        self._stalled = 0  # images since the sweep's first whose stamp did not advance
        self._urgent = False
        self._remaining: list[int] = []
        self._checks = False  # the sweep was begun with all hands followed

    def due(self, stamp: float, tracked: int, max_hands: int) -> list[int]:
        """Return the parts of a sweep that are to be looked at in the image of this stamp."""
        first, all_followed = self._begun_at is None, tracked >= max_hands
        if all_followed and not self._checks:
            self._remaining = []  # there is nothing to look for any more
        if self._urgent or (not self._remaining and self._is_due(stamp, tracked, max_hands)):
            self._begin(stamp, checks=all_followed and not self._urgent)
        return self._take(PARTS_AT_ONCE if first else 1)

    def begin(self, stamp: float) -> list[int]:
        """Begin a sweep in this image, as a hand was missed there; return its first parts."""
        self._begin(stamp)
        return self._take(PARTS_AT_ONCE)

    def stepped(self, stamp: float) -> None:
        """Take note that an image is done."""
        self._images += 1
        if stamp == self._stepped_at:
            self._stalled += 1
        self._stepped_at = stamp

    @property
    def is_complete(self) -> bool:
        """Whether the last sweep has looked everywhere."""
        return not self._remaining

    def hurry(self) -> None:
        """Have a sweep begin in the next image: a hand was missed, or time has passed."""
        self._urgent = True

    def _is_due(self, stamp: float, tracked: int, max_hands: int) -> bool:
        if not tracked or self._begun_at is None:
            return True
        elapsed = stamp - self._begun_at + self._stalled * NOMINAL_PERIOD
        interval = self.redetect_interval if tracked >= max_hands else self.search_interval
        if interval > 0 and self._images < self.parts + IMAGES_FREE:
            return False
        return elapsed >= interval - 1e-9

    def _begin(self, stamp: float, checks: bool = False) -> None:
        self._checks = checks
        self._begun_at, self._images, self._stalled, self._urgent = stamp, 0, 0, False
        self._remaining = list(range(self.parts))

    def _take(self, count: int) -> list[int]:
        taken, self._remaining = self._remaining[:count], self._remaining[count:]
        return taken

"""RedetectionSchedule: in which images the detector runs."""

from __future__ import annotations

NOMINAL_PERIOD = 1 / 30
"""Seconds that an image counts for where its stamp stands still."""
IMAGES_APART = 3
"""Every how many images at most the detector runs at an interval: slow images must not cause more
detections, which make them slower."""


class RedetectionSchedule:
    """Every image while no hand is tracked or right after a miss, else at an interval.

    An interval above 0 also means at most every third image (`IMAGES_APART`).
    """

    def __init__(self, redetect_interval: float, search_interval: float) -> None:
        """Take the intervals in seconds: with all hands tracked, and with some but not all."""
        self.redetect_interval, self.search_interval = redetect_interval, search_interval
        self.reset()

    def reset(self) -> None:
        """Forget the past: the detector is due."""
        self._detected_at: float | None = None
        self._stepped_at: float | None = None
        self._images = 0  # since the last detection, its own included
        self._stalled = 0  # images since the last detection whose stamp did not advance
        self._urgent = False

    def due(self, stamp: float, tracked: int, max_hands: int) -> bool:
        """Tell whether the detector is to run on the image of this stamp."""
        if not tracked or self._urgent or self._detected_at is None:
            return True
        elapsed = stamp - self._detected_at + self._stalled * NOMINAL_PERIOD
        interval = self.redetect_interval if tracked >= max_hands else self.search_interval
        if interval > 0 and self._images < IMAGES_APART:
            return False
        return elapsed >= interval - 1e-9

    def detected(self, stamp: float) -> None:
        """Take note that the detector ran."""
        self._detected_at, self._images, self._stalled, self._urgent = stamp, 0, 0, False

    def stepped(self, stamp: float) -> None:
        """Take note that an image is done."""
        self._images += 1
        if stamp == self._stepped_at:
            self._stalled += 1
        self._stepped_at = stamp

    def hurry(self) -> None:
        """Have the detector run on the next image: a hand was missed, or time has passed."""
        self._urgent = True

"""TrackerClock: the stamps of images as a time that never steps back."""

from __future__ import annotations

import logging
import math

OUT_OF_ORDER = 0.5
"""Seconds: a stamp further back than this before the last is a new recording's."""

_LOGGER = logging.getLogger(__name__)


class TrackerClock:
    """Tells images that come late (out-of-order delivery, two publishers) from a new recording.

    >>> clock = TrackerClock()
    >>> clock.advance(1.0), clock.advance(1.5), clock.advance(1.25)
    (1.0, 1.5, 1.5)
    >>> clock.restarts(1.25), clock.restarts(0.9)
    (False, True)
    """

    def __init__(self) -> None:
        """Start without a time."""
        self.now = math.nan
        """Seconds: the latest stamp since the last reset; NaN before the first."""
        self._warned = False

    def reset(self) -> None:
        """Forget the time."""
        self.now = math.nan

    def restarts(self, stamp: float) -> bool:
        """Tell whether a stamp lies so far back that a new recording has begun."""
        return self.now - stamp > OUT_OF_ORDER

    def advance(self, stamp: float) -> float:
        """Go on to a stamp and return the time; a late stamp leaves it.  Says so once by a log."""
        if stamp < self.now and not self._warned:
            self._warned = True
            _LOGGER.warning(
                "an image comes %.3f s late; images that are late by at most %g s are taken for "
                "images of the last stamp (said once)",
                self.now - stamp,
                OUT_OF_ORDER,
            )
        self.now = max(stamp, self.now)  # the stamp where there is no time yet: NaN is no maximum
        return self.now

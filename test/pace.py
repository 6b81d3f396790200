"""How fast this machine is: limits for tests that say that something does not take for ever."""

from __future__ import annotations

import time

ORDINARY = 0.04
"""CPU seconds in which an ordinary machine counts to a million."""


def at_most(seconds: float) -> float:
    """Return a limit of CPU seconds: so many, more where this machine is slower than most."""
    start = time.thread_time()
    number = 0
    while number < 1_000_000:
        number += 1
    return seconds * max(1.0, (time.thread_time() - start) / ORDINARY)

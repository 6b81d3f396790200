"""What the node knows of its own doing, for /diagnostics; complaints that do not flood the log.

Written without diagnostic_updater, which has no wheels.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

WINDOW = 5.0  # seconds over which rate and times are taken
MOST_IMAGES = 1000  # of which times are remembered
STEPS = {
    "detector": "detect",
    "landmark network": "landmarks",
    "reconstruction": "solve",
    "processing": "processing",
    "age": "age",
}
"""What diagnostics call the times: the estimator's steps, the whole, and the hands' age."""
COMPLAINT_PERIOD = 10.0  # seconds between two log lines of one kind
FRESH = 2.0  # seconds for which a complaint makes the status a warning


@dataclass
class Statistics:
    """Counters of what became of the images.  Safe to use from several threads."""

    received: int = 0
    processed: int = 0
    dropped: int = 0
    """Replaced by a newer image before their turn came."""
    unusable: int = 0
    """Not processed: malformed, of an unknown encoding, without a fitting CameraInfo."""
    failed: int = 0
    """The estimator raised an exception."""
    clock_jumps: int = 0
    with_depth: int = 0
    """Worked on with a depth image."""
    without_depth: int = 0
    """Worked on without one, though depth is to be used."""
    hands: int = 0
    """In the last image."""
    recent: deque[tuple[float, dict[str, float]]] = field(
        default_factory=lambda: deque(maxlen=MOST_IMAGES)
    )
    """Of the last images: when their hands were published, on a monotonic clock, and how many
    seconds the steps took."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str) -> None:
        """Add one to the counter of this name."""
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)

    def published(
        self, hands: int, *, processing: float, age: float, steps: Mapping[str, float]
    ) -> None:
        """Note an image whose hands were published.

        Args:
            hands: their number.
            processing: seconds from the image's turn to the publication.
            age: seconds from the image's stamp to the publication.
            steps: seconds by step; those that the image did not need are left out.
        """
        with self.lock:
            self.processed += 1
            self.hands = hands
            times = {**steps, "processing": processing, "age": age}
            self.recent.append((time.monotonic(), times))

    def values(self) -> dict[str, str]:
        """Return the counters and times as diagnostics show them."""
        with self.lock:
            now = time.monotonic()
            recent = [(t, times) for t, times in self.recent if now - t <= WINDOW]
            span = recent[-1][0] - recent[0][0] if len(recent) > 2 else 0.0
            rate = (len(recent) - 1) / span if span else 0.0
            result = {
                "images received": str(self.received),
                "images processed": str(self.processed),
                "images dropped (newer ones came)": str(self.dropped),
                "images unusable": str(self.unusable),
                "images failed": str(self.failed),
                "clock jumps back": str(self.clock_jumps),
                "images with depth": str(self.with_depth),
                "images without usable depth": str(self.without_depth),
                "hands in the last image": str(self.hands),
                "rate [Hz]": f"{rate:.1f}",
            }
        for name, step in STEPS.items():
            seconds = [times[step] for _, times in recent if step in times]
            if seconds:
                median, p95 = np.percentile(seconds, [50, 95])
                result[f"{name} median [ms]"] = f"{1000 * median:.1f}"
                result[f"{name} p95 [ms]"] = f"{1000 * p95:.1f}"
        if recent:
            share = sum("detect" in times for _, times in recent) / len(recent)
            result["images with detection [%]"] = f"{100 * share:.0f}"
        return result


class Complaints:
    """Logs each kind of fault at once, then no oftener than every 10 s, with a count."""

    def __init__(
        self, log: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._clock = log, clock
        self._lock = threading.Lock()
        self._logged: dict[str, float] = {}
        self._silent: Counter[str] = Counter()
        self._last: tuple[float, str] | None = None

    def report(self, kind: str, text: str) -> None:
        """Take note of a fault; `kind` says which ones are the same."""
        with self._lock:
            now = self._clock()
            self._last = (now, text)
            if kind in self._logged and now - self._logged[kind] < COMPLAINT_PERIOD:
                self._silent[kind] += 1
                return
            again = self._silent.pop(kind, 0)
            self._logged[kind] = now
            if len(self._logged) > 100:  # kinds name encodings, which a broken driver may invent
                oldest = min(self._logged, key=lambda k: self._logged[k])
                del self._logged[oldest]
                self._silent.pop(oldest, None)
        self._log(f"{text} ({again} more since the last time)" if again else text)

    def current(self) -> str:
        """Return the last fault's text while it is fresh, else an empty string."""
        with self._lock:
            if self._last is None or self._clock() - self._last[0] > FRESH:
                return ""
            return self._last[1]


def status(
    name: str, hardware: str, problem: str, error: bool, values: dict[str, str]
) -> DiagnosticStatus:
    """Make the status: OK without a problem, else a warning or an error."""
    level = DiagnosticStatus.OK
    if problem:
        level = DiagnosticStatus.ERROR if error else DiagnosticStatus.WARN
    return DiagnosticStatus(
        level=level,
        name=name,
        hardware_id=hardware,
        message=problem or "OK",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )

"""What the node knows of its own doing, for /diagnostics; complaints that do not flood the log.

Written without diagnostic_updater, which has no wheels.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

WINDOW = 300  # images over which latencies are taken
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
    hands: int = 0
    """In the last image."""
    processing: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """Seconds from an image's turn to its publication."""
    age: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """Seconds from an image's stamp to the publication of its hands."""
    finished: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """When images were published, on a monotonic clock."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str) -> None:
        """Add one to the counter of this name."""
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)

    def published(self, processing: float, age: float, hands: int) -> None:
        """Note an image whose hands were published."""
        with self.lock:
            self.processed += 1
            self.hands = hands
            self.processing.append(processing)
            self.age.append(age)
            self.finished.append(time.monotonic())

    def values(self) -> dict[str, str]:
        """Return the counters and latencies as diagnostics show them."""
        with self.lock:
            now = time.monotonic()
            recent = [t for t in self.finished if now - t <= 5.0]
            rate = (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 2 else 0.0
            result = {
                "images received": str(self.received),
                "images processed": str(self.processed),
                "images dropped (newer ones came)": str(self.dropped),
                "images unusable": str(self.unusable),
                "images failed": str(self.failed),
                "clock jumps back": str(self.clock_jumps),
                "hands in the last image": str(self.hands),
                "rate [Hz]": f"{rate:.1f}",
            }
            for name, seconds in (("processing", self.processing), ("age", self.age)):
                if seconds:
                    median, p95 = np.percentile(seconds, [50, 95])
                    result[f"{name} median [ms]"] = f"{1000 * median:.1f}"
                    result[f"{name} p95 [ms]"] = f"{1000 * p95:.1f}"
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

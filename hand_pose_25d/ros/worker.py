"""Newest image wins: one thread that works on the last image that came, never on a backlog."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Worker:
    """Runs `work(item)` in its own thread; a newer item replaces the one that waits."""

    def __init__(self, work: Callable[[Any], None], dropped: Callable[[], None]) -> None:
        """Make a worker at rest.

        Args:
            work: must not raise.
            dropped: called for each item that a newer one replaced.
        """
        self._work, self._dropped = work, dropped
        self._condition = threading.Condition()
        self._waiting: Any = None
        self._running = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work; does nothing where it has begun."""
        with self._condition:
            if self._running:
                return
            self._running = True
            # A daemon: a network in the middle of an image must not keep the process alive.
            self._thread = threading.Thread(target=self._run, name="estimation", daemon=True)
            self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """End the work, what waits included; return False where the last item took longer."""
        with self._condition:
            self._running, self._waiting = False, None
            self._condition.notify_all()
            thread, self._thread = self._thread, None
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def put(self, item: Any) -> None:
        """Hand over the newest item; without a running thread it is dropped."""
        with self._condition:
            replaced = self._waiting is not None or not self._running
            if self._running:
                self._waiting = item
                self._condition.notify_all()
        if replaced:
            self._dropped()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting is not None or not self._mine())
                if not self._mine():
                    return
                item, self._waiting = self._waiting, None
            self._work(item)

    def _mine(self) -> bool:
        """Tell whether this thread is still the worker's; stop() may have given up on it."""
        return self._running and self._thread is threading.current_thread()

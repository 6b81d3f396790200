"""Ctrl-C, SIGTERM and SIGHUP end a command after the image it works on; a second one, at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

INTERRUPT_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Whether a signal has come, and the exit code that says so."""

    def __init__(self) -> None:
        self.number = 0

    def __bool__(self) -> bool:
        return bool(self.number)

    @property
    def exit_code(self) -> int:
        """As shells have it: 128 and the signal's number."""
        return 128 + self.number


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Take note of the signals instead of being ended by them; only in the main thread."""
    seen = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = {number: signal.getsignal(number) for number in INTERRUPT_SIGNALS}

    def note(number: int, _: object) -> None:
        seen.number = number
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, note)
    try:
        yield seen
    finally:
        restore()

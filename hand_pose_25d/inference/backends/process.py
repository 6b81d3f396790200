"""Forks: the threads and locks of a network's runtime do not go with the child."""

from __future__ import annotations

import os


class OwnProcess:
    """The process in which something was made."""

    def __init__(self) -> None:
        self._number = os.getpid()

    def check(self, what: str) -> None:
        """Raise RuntimeError in a fork, where `what` would wait for threads that are not there."""
        if os.getpid() == self._number:
            return
        raise RuntimeError(
            f"this process is a fork of the one in which {what} was made, and the threads of the "
            "networks are not in it: make one in each process, and start processes by "
            "multiprocessing.get_context('spawn')"
        )

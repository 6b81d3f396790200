"""What the installed executables call: a signal during the long imports ends them quietly, too."""

from __future__ import annotations

import importlib
import os
import signal


def start(module: str) -> int:
    """Import a module and run its main(); SIGINT and SIGTERM mean exit code 0 from the first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, lambda *_: os._exit(0))
    return int(importlib.import_module(module).main())

"""What the installed executables call.

A signal during the long imports ends them quietly, too, and a package that is missing is named in
one sentence, with the command that installs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from hand_pose_25d.io.blas import one_blas_thread

PIP_PACKAGES = ("onnxruntime", "safetensors", "rosbags", "numpy<2")
"""What apt and rosdep do not have; NumPy as ROS 2 up to Kilted is built against it."""
_NEEDED = {
    "hand_pose_25d.ros.node": ("onnxruntime", "safetensors"),
    "hand_pose_25d.ros.recorder": ("rosbags",),
}


def on_end(handler: Callable[[int, Any], object]) -> None:
    """Have the signals that end a program call a handler.

    nohup has SIGHUP ignored, and that stays; a shell has SIGINT ignored in what it starts in the
    background, as scripts/demo.sh does, and ends it by that signal all the same.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def start(module: str) -> int:
    """Import a module and run its main(); signals of an end mean exit code 0 from the first.

    Returns main()'s exit code, or 1 where a package is missing.
    """
    on_end(lambda *_: os._exit(0))
    one_blas_thread()
    for name in _NEEDED.get(module, ()):
        if importlib.util.find_spec(name) is None:
            return _missing(module, name)
    try:
        return int(importlib.import_module(module).main())
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("hand_pose_25d."):
            raise  # a fault of ours, or messages that are not built
        return _missing(module, error.name)


def _missing(module: str, name: str) -> int:
    packages = " ".join(f"'{p}'" if "<" in p else p for p in PIP_PACKAGES)
    # Outside a virtual environment, pip of Ubuntu 24.04 and later asks for the variable.
    outside = "PIP_BREAK_SYSTEM_PACKAGES=1 " if sys.prefix == sys.base_prefix else ""
    print(
        f"{module}: the Python package {name!r} is missing; what apt does not have comes with: "
        f"{outside}{sys.executable} -m pip install {packages}",
        file=sys.stderr,
    )
    return 1

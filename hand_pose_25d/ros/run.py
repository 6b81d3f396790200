"""Run a node until a signal: SIGINT, SIGTERM and SIGHUP end it at once, quietly, with exit code 0.

Whatever goes wrong is one sentence: before the node is there, on stderr, with exit code 2; in a
callback, in the log, and the node goes on.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from hand_pose_25d.ros.start import on_end

PATIENCE = 1.2  # seconds for an orderly end; a network in the middle of loading is not waited for
FINISH_PATIENCE = 60.0
"""Seconds for the callback under way of a node that has something to finish: a recorder."""
FAULTS, FAULTS_PERIOD = 50, 10.0
"""So many exceptions in so many seconds end the node: it does nothing else any more."""


def run(make_node: Callable[[], Any], args: list[str] | None = None) -> int:
    """Make a node, call its `autostart()` where it has one, spin it; return the exit code.

    An exception of `make_node` is a parameter that is wrong: one sentence, exit code 2.  A node
    may end the process itself: `node.done`, a threading.Event, and `node.exit_code`.
    """
    # The signals are handled here: rclpy's own handlers interrupt a callback wherever it is.
    stop = threading.Event()
    on_end(lambda *_: stop.set())
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = make_node()
    except Exception as error:
        print(_sentence(error), file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    done = getattr(node, "done", None)
    broken = threading.Event()

    def spin() -> None:
        try:
            if hasattr(node, "autostart"):
                node.autostart()
            if not spin_on(executor, node, stop):
                broken.set()
        except Exception as error:
            node.get_logger().fatal(f"cannot go on: {_sentence(error)}")
            broken.set()
        finally:
            stop.set()

    # Signals reach Python in the main thread only, and only while it does not wait inside rcl.
    thread = threading.Thread(target=spin, name="executor", daemon=True)
    thread.start()
    while not stop.wait(0.1 if done is not None else None):
        if done is not None and done.is_set():
            break
    stop.set()
    executor.shutdown(timeout_sec=0)
    thread.join(FINISH_PATIENCE if hasattr(node, "close") else PATIENCE)
    code = 1 if broken.is_set() else getattr(node, "exit_code", 0)
    if thread.is_alive():
        _leave(code)
    try:
        if hasattr(node, "close"):
            node.close()
    except Exception as error:
        print(_sentence(error), file=sys.stderr)
        code = code or 1
    node.destroy_node()
    rclpy.try_shutdown()
    # Threads of torch and of a worker in the middle of an image would delay the interpreter's end.
    _leave(code)
    return code


def spin_on(executor: Any, node: Any, stop: threading.Event) -> bool:
    """Spin until the executor is shut down; an exception of a callback is logged, and it goes on.

    Returns False where exceptions came so fast that nothing else happened.
    """
    faults: deque[float] = deque(maxlen=FAULTS)
    while not stop.is_set():
        try:
            executor.spin()
            return True
        except ExternalShutdownException:
            return True
        except Exception as error:
            if stop.is_set():  # what is torn down under a callback may well complain
                return True
            node.get_logger().error(f"a callback failed: {_sentence(error)}")
            faults.append(time.monotonic())
            if len(faults) == FAULTS and faults[-1] - faults[0] < FAULTS_PERIOD:
                node.get_logger().fatal(f"{FAULTS} callbacks failed one after the other")
                return False
    return True


def _sentence(error: Exception) -> str:
    """Return what went wrong, in one line; rcl's errors are several, with addresses in C."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    missing = not any(os.environ.get(name) for name in ("HOME", "ROS_HOME", "ROS_LOG_DIR"))
    if missing and "log" in str(error).lower():
        return "ROS 2 has no folder for its logs: set ROS_LOG_DIR (or HOME) to one"
    if isinstance(error, (ValueError, OSError)):
        return line
    if "Couldn't parse" in line:  # of a log level, a remapping, a parameter; with places in C
        plain = re.sub(r", at \S+:\d+", "", line.removeprefix("failed to initialize rcl: "))
        return f"an argument behind --ros-args is none: {plain}"
    if type(error).__name__ == "UnknownROSArgsError":
        return f"unknown arguments behind --ros-args: {line}"
    return f"{type(error).__name__}: {line}"


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

"""Run a node until a signal: SIGINT and SIGTERM end it at once, quietly, with exit code 0."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

PATIENCE = 1.2  # seconds for an orderly end; a network in the middle of loading is not waited for


def run(make_node: Callable[[], Any], args: list[str] | None = None) -> int:
    """Make a node, call its `autostart()` where it has one, spin it; return the exit code.

    A ValueError of `make_node` is a parameter that is wrong: one sentence, exit code 2.  A node
    may end the process itself: `node.done`, a threading.Event, and `node.exit_code`.
    """
    # The signals are handled here: rclpy's own handlers interrupt a callback wherever it is.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make_node()
    except ValueError as error:
        print(error, file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    done = getattr(node, "done", None)

    def spin() -> None:
        try:
            if hasattr(node, "autostart"):
                node.autostart()
            executor.spin()
        except ExternalShutdownException:
            pass
        finally:
            stop.set()

    # Signals reach Python in the main thread only, and only while it does not wait inside rcl.
    thread = threading.Thread(target=spin, name="executor", daemon=True)
    thread.start()
    while not stop.wait(0.1 if done is not None else None):
        if done is not None and done.is_set():
            break
    executor.shutdown(timeout_sec=0)
    thread.join(PATIENCE)
    code = getattr(node, "exit_code", 0)
    if thread.is_alive():
        _leave(code)
    if hasattr(node, "close"):
        node.close()
    node.destroy_node()
    rclpy.try_shutdown()
    # Threads of torch and of a worker in the middle of an image would delay the interpreter's end.
    _leave(code)
    return code


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

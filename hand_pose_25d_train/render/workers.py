"""Worker processes that may die: their task is given to a new one, a few times.

A driver or an image library that crashes takes its process with it, and Python's own pools then
either wait for ever or give up as a whole.
"""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

logger = logging.getLogger(__name__)

_ATTEMPTS = 3


class RenderWorker:
    """One process and the pipe to it."""

    def __init__(self, work: Callable[[int], Any]) -> None:
        # GL contexts do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()  # so that a dead worker's pipe ends
        self.task: int | None = None

    def give(self, task: int) -> None:
        """Let the worker do a task."""
        self.task = task
        try:
            self.connection.send(task)
        except OSError:
            pass  # it has died; `take` says so

    def take(self) -> tuple[bool, Any]:
        """Wait for the result: whether it is one, or the exception. EOFError: the worker died."""
        try:
            return self.connection.recv()
        except OSError as error:  # the pipe was reset
            raise EOFError from error

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.terminate()
        self.process.join()
        self.connection.close()

    def fate(self) -> str:
        """How the process ended."""
        self.process.join()
        code = self.process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def run(
    work: Callable[[int], Any],
    tasks: Sequence[int],
    count: int,
    name: Callable[[int], str],
    attempts: int = _ATTEMPTS,
) -> Iterator[Any]:
    """Do `work` (picklable) on every task in `count` processes; yields results as they come.

    A task whose worker dies is given to a new worker, `attempts` times in all; then RuntimeError
    says which it was, by `name`. What `work` itself raises is raised here.
    """
    waiting, tried = deque(tasks), dict.fromkeys(tasks, 0)
    workers: list[RenderWorker] = []
    try:
        for _ in range(min(count, len(tasks))):
            workers.append(RenderWorker(work))
            workers[-1].give(waiting.popleft())
        while busy := {w.connection: w for w in workers if w.task is not None}:
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                worker = busy[connection]
                task = worker.task
                assert task is not None
                try:
                    good, result = worker.take()
                except EOFError:
                    tried[task] += 1
                    worker.connection.close()
                    told = f"the process that did {name(task)} died ({worker.fate()})"
                    if tried[task] >= attempts:
                        raise RuntimeError(
                            f"{told} {attempts} times; everything else that was finished is kept"
                        ) from None
                    logger.warning("%s; a new one does it again", told)
                    workers[workers.index(worker)] = fresh = RenderWorker(work)
                    fresh.give(task)
                    continue
                if not good:
                    raise result
                worker.task = None
                if waiting:
                    worker.give(waiting.popleft())
                yield result
    finally:  # also when the caller stops or is interrupted
        for worker in workers:
            worker.end()


def _serve(connection: Connection, work: Callable[[int], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends this one
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        answer: tuple[bool, Any]
        try:
            answer = True, work(task)
        except Exception as error:
            answer = False, _portable(error)
        connection.send(answer)


def _portable(error: Exception) -> Exception:
    """The exception, or one that says the same if it cannot be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error

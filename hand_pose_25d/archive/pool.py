"""Recordings shared out to local processes, one a core.

Processes are started afresh (`spawn`) and each loads its own networks.  A process that ends in
the middle of a recording (killed, out of memory) costs that recording one try; another takes its
place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from hand_pose_25d.archive.process import Outcome, Processor
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.together import SharedProcessor
from hand_pose_25d.archive.units import Unit

TRIES = 2
"""Times that a recording is begun before a lost process counts as its fault."""
STOPPED = "not begun: the disk is full"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class WorkPlan:
    """What every worker needs to know."""

    settings: ProcessSettings
    out: Path
    formats: tuple[str, ...] = ()
    together: int = 1
    """Recordings that a worker with a GPU tracks at once."""
    resume: bool = True
    """Whether a recording that is done is skipped."""

    def processor(self) -> Callable[..., Outcome]:
        """Make what works on recordings: (unit, report) -> outcome."""
        if self.together == 1:
            return Processor(self.settings, self.out, self.formats, resume=self.resume)
        return SharedProcessor(
            self.settings, self.out, self.formats, self.together, resume=self.resume
        )


@dataclass
class _Worker:
    process: Any
    connection: Connection
    unit: Unit | None = None
    told: int = 0


def run_locally(
    units: Sequence[Unit], plan: WorkPlan, progress: Callable[[int], None], workers: int = 1
) -> Iterator[Outcome]:
    """Yield each recording's outcome as it comes, from `workers` processes.

    Args:
        units: the recordings.
        plan: settings and where the files go.
        progress: is told how many more images are done; negative where work is lost.
        workers: at least 1.

    Raises ValueError for less than one worker.
    """
    if workers < 1:
        raise ValueError(f"at least one worker is needed, got {workers}")
    waiting = deque(units)
    tries: dict[str, int] = {}
    running: list[_Worker] = []
    full = False
    try:
        while waiting or any(worker.unit for worker in running):
            while waiting and not full and len(running) < min(workers, len(units)):
                running.append(_start(plan))
            for worker in running:
                if worker.unit is None and waiting and not full:
                    worker.unit, worker.told = waiting.popleft(), 0
                    with contextlib.suppress(OSError):  # its end is seen below
                        worker.connection.send(worker.unit)
            for connection in wait([worker.connection for worker in running if worker.unit]):
                worker = next(w for w in running if w.connection is connection)
                unit = worker.unit
                assert unit is not None
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError):
                    running.remove(worker)
                    progress(-worker.told)
                    tries[unit.name] = tries.get(unit.name, 0) + 1
                    if tries[unit.name] < TRIES:
                        waiting.appendleft(unit)
                    else:
                        yield Outcome(unit.name, unit.title, "failed", _end(worker.process))
                    continue
                if isinstance(message, int):
                    worker.told += message
                    progress(message)
                    continue
                worker.unit = None
                full = full or message.disk_full
                yield message
            if full and waiting:
                while waiting:
                    unit = waiting.popleft()
                    yield Outcome(unit.name, unit.title, "failed", STOPPED, disk_full=True)
    finally:
        for worker in running:
            worker.connection.close()
        for worker in running:
            if worker.unit is not None:
                worker.process.terminate()
            worker.process.join()


def _start(plan: WorkPlan) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, plan), daemon=True)
    with _one_thread():
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(connection: Connection, plan: WorkPlan) -> None:
    """Work on what comes until the other side closes."""
    import cv2

    cv2.setNumThreads(1)
    processor = plan.processor()
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            unit = connection.recv()
            connection.send(processor(unit, connection.send))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes started meanwhile use one thread each, unless the user says otherwise."""
    added = [name for name in _ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _end(process: Any) -> str:
    process.join()
    code = process.exitcode
    how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
    return f"its process ended {how}, {TRIES} times (out of memory?)"

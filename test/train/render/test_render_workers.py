"""Worker processes: one that dies costs its task an attempt, not the run."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from hand_pose_25d_train.render import workers

PATIENCE = 1800.0  # seconds


def square(task: int) -> int:
    return task * task


def die_once(folder: Path, how: str, task: int) -> int:
    """Task 2 kills its process at the first attempt."""
    mark = folder / f"tried-{task}"
    if task == 2 and not mark.exists():
        mark.touch()
        if how == "exit":
            os._exit(7)
        os.kill(os.getpid(), signal.SIGABRT)
    return task * task


def always_die(task: int) -> int:
    if task == 1:
        os._exit(7)
    return task


def complain(task: int) -> int:
    raise KeyError(f"task {task}")


def name(task: int) -> str:
    return f"shard {task} (seeds {10 * task} to {10 * task + 9})"


@pytest.mark.parametrize("count", [1, 3])
def test_every_task_is_done(count: int) -> None:
    assert sorted(workers.run(square, range(5), count, name)) == [0, 1, 4, 9, 16]
    assert list(workers.run(square, [], count, name)) == []


@pytest.mark.parametrize(
    "how, count, told", [("exit", 1, "exit status 7"), ("abort", 2, "signal SIGABRT")]
)
def test_a_dead_workers_task_is_done_again(tmp_path, caplog, how, count, told) -> None:
    with caplog.at_level(logging.WARNING):
        done = sorted(workers.run(partial(die_once, tmp_path, how), range(4), count, name))
    assert done == [0, 1, 4, 9]
    assert len(caplog.records) == 1
    assert f"shard 2 (seeds 20 to 29) died ({told})" in caplog.text


def test_a_task_that_kills_every_worker_is_named() -> None:
    finished = workers.run(always_die, range(3), 1, name, attempts=2)
    assert next(finished) == 0
    with pytest.raises(RuntimeError, match=r"shard 1 \(seeds 10 to 19\) died .* 2 times"):
        next(finished)


def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(KeyError, match="task 4"):
        list(workers.run(complain, [4], 1, name))


def test_an_interrupt_ends_the_workers(tmp_path: Path) -> None:
    """As at a terminal: the signal reaches the whole group, and no process is left behind."""
    (tmp_path / "long_work.py").write_text(
        "import pathlib, time\n"
        "def work(task):\n"
        f"    pathlib.Path({str(tmp_path)!r}, f'began-{{task}}').touch()\n"
        "    time.sleep(3600)\n"
    )
    code = (
        "import multiprocessing, signal\n"
        # A shell that started the tests in the background had them ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import long_work\n"
        "from hand_pose_25d_train.render import workers\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        list(workers.run(long_work.work, [0, 1], 2, str))\n"
        "    except KeyboardInterrupt:\n"
        "        print('left:', len(multiprocessing.active_children()), flush=True)\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        end = time.monotonic() + PATIENCE
        while not all((tmp_path / f"began-{task}").exists() for task in (0, 1)):
            assert parent.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        os.killpg(parent.pid, signal.SIGINT)
        out, err = parent.communicate(timeout=PATIENCE)
    finally:
        if parent.poll() is None:
            os.killpg(parent.pid, signal.SIGKILL)
    assert out == "left: 0\n" and "Traceback" not in err and parent.returncode == 0

"""Newest image wins: what comes while one is worked on, whatever the machine's speed."""

from __future__ import annotations

import threading

from conftest import until

from hand_pose_25d.ros.worker import Worker

LONG = 3600.0  # seconds that nothing here waits for


class Work:
    """Begins each item when told to, and notes it."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.dropped = 0
        self.began, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.worker = Worker(self._work, self._drop)

    def _work(self, item: int) -> None:
        self.began.release()
        assert self.go.acquire(timeout=LONG)
        self.done.append(item)

    def _drop(self) -> None:
        self.dropped += 1


def test_only_the_newest_waits():
    work = Work()
    work.worker.put(-1)
    assert work.dropped == 1, "nobody works yet"
    work.worker.start()
    work.worker.put(0)
    assert work.began.acquire(timeout=LONG)
    for item in range(1, 101):
        work.worker.put(item)
    assert work.done == [] and work.dropped == 100
    work.go.release(2)
    assert work.began.acquire(timeout=LONG)
    work.worker.stop()
    assert work.done == [0, 100] and work.dropped == 100


def test_who_stops_does_not_wait_for_the_item_that_is_worked_on():
    work = Work()
    work.worker.start()
    work.worker.put(0)
    assert work.began.acquire(timeout=LONG)
    work.worker.put(1)
    assert not work.worker.stop(0.01)
    work.worker.put(2)
    work.go.release(2)
    until(lambda: work.done == [0])
    assert work.worker.stop(), "nothing runs any more"
    work.worker.start()
    work.worker.put(3)
    assert work.began.acquire(timeout=LONG)
    work.worker.stop()
    assert work.done == [0, 3], "1 waited when it was stopped, 2 came while it was"

"""Recordings shared out to a Ray cluster: an actor for each worker, with its own networks.

Every machine of the cluster needs this package, the recordings and the folder of results at the
same paths.  An actor that is lost in the middle of a recording costs that recording one try; since
files get their names when they are whole, nothing is lost and nothing there twice.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray

from hand_pose_25d.archive.pool import STOPPED, TRIES, WorkPlan
from hand_pose_25d.archive.process import Outcome
from hand_pose_25d.archive.units import Unit

REACH_TIMEOUT = 30.0  # seconds


class RayWorker:
    """Works on recordings: one after the other or, with a GPU, several in threads.

    Becomes an actor.
    """

    def __init__(self, plan: WorkPlan) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._processor = plan.processor()

    def work(self, unit: Unit) -> Outcome:
        """Work on a recording."""
        return self._processor(unit)


def run_on_ray(
    units: Sequence[Unit],
    plan: WorkPlan,
    progress: Callable[[int], None],
    workers: int | None = None,
    address: str | None = None,
    gpus: float = 0.0,
) -> Iterator[Outcome]:
    """Yield each recording's outcome as it comes, from actors of a cluster.

    Args:
        units: the recordings.
        plan: settings and where the files go.
        progress: is told how many images are done, at the end of each recording.
        workers: actors; None: as many as the cluster has CPUs or, by `gpus`, room on its GPUs.
        address: of the cluster, or "local" for one of this computer that ends with the run; None:
            RAY_ADDRESS, else a local one.
        gpus: share of a GPU that an actor asks for.  With `plan.together` recordings at once it
            asks for as many CPUs, too.

    Raises ValueError for less than one worker and for several recordings at once without a GPU,
    ConnectionError where there is no cluster.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"at least one worker is needed, got {workers}")
    if plan.together > 1 and not gpus:
        raise ValueError(
            f"{plan.together} recordings at once share the forward passes of a GPU: say which "
            "share of one a worker gets (--gpus)"
        )
    ours = not ray.is_initialized()
    if ours:
        _connect(address, workers)
    try:
        at_once = plan.together
        count = min(workers or _room(at_once, gpus), -(-len(units) // at_once))
        actor: Any = ray.remote(  # type: ignore[call-overload]  # max_concurrency is not declared
            num_cpus=at_once, num_gpus=gpus, max_restarts=0, max_concurrency=at_once
        )(RayWorker)
        actor = actor.options(runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}})
        workers_ = ActorPool(lambda: actor.remote(plan), count, at_once)
        yield from share_out(deque(units), workers_, progress)
    finally:
        if ours:
            ray.shutdown()


class ActorPool:
    """Actors with room for some recordings each; one that is lost is replaced."""

    def __init__(self, start: Callable[[], Any], count: int, at_once: int) -> None:
        self._start, self._at_once = start, at_once
        self._lost: set[int] = set()
        self._actors: list[Any] = []  # kept, so that no id is given twice
        self.idle: list[Any] = []
        for _ in range(count):
            self._add()

    def _add(self) -> None:
        self._actors.append(self._start())
        self.idle += [self._actors[-1]] * self._at_once

    def free(self, actor: Any) -> None:
        """Take note of a recording's end, unless the actor has been lost meanwhile."""
        if id(actor) not in self._lost:
            self.idle.append(actor)

    def replace(self, actor: Any) -> None:
        """Start another in the place of one that is lost; once for each."""
        if id(actor) in self._lost:
            return
        self._lost.add(id(actor))
        self.idle = [other for other in self.idle if other is not actor]
        self._add()


def share_out(
    waiting: deque[Unit], actors: ActorPool, progress: Callable[[int], None]
) -> Iterator[Outcome]:
    """Yield each recording's outcome as it comes."""
    running: dict[Any, tuple[Any, Unit]] = {}
    tries: dict[str, int] = {}
    full = False
    while running or waiting:
        while waiting and full:
            unit = waiting.popleft()
            yield Outcome(unit.name, unit.title, "failed", STOPPED, disk_full=True)
        while waiting and actors.idle:
            unit, actor = waiting.popleft(), actors.idle.pop()
            running[actor.work.remote(unit)] = (actor, unit)
        if not running:
            return
        (ready, *_), _ = ray.wait(list(running), num_returns=1)
        actor, unit = running.pop(ready)
        try:
            outcome = ray.get(ready)
        except ray.exceptions.RayError as error:  # the actor or its machine is gone
            actors.replace(actor)
            tries[unit.name] = tries.get(unit.name, 0) + 1
            if tries[unit.name] < TRIES:
                waiting.appendleft(unit)
            else:
                reason = f"its worker was lost {TRIES} times: {type(error).__name__}"
                yield Outcome(unit.name, unit.title, "failed", reason)
            continue
        actors.free(actor)
        if outcome.status == "done":
            progress(outcome.images)
        full = full or outcome.disk_full
        yield outcome


def _connect(address: str | None, workers: int | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    local: dict[str, Any] = {}
    if address == "local":
        local = {"num_cpus": workers, "include_dashboard": False}
    _reach(address)
    ray.init(address=address, log_to_driver=False, **local)


def _reach(address: str) -> None:
    """Raise ConnectionError for a HOST:PORT where nobody listens: Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_TIMEOUT).close()
    except OSError as error:
        raise ConnectionError(f"there is no Ray cluster at {address}: {error}") from error


def _room(cpus: int, gpus: float) -> int:
    """Return how many actors the cluster has room for."""
    resources = ray.cluster_resources()
    room = resources.get("CPU", 1.0) / cpus
    if gpus > 0:
        room = min(room, resources.get("GPU", 0.0) / gpus)
    if room < 1:
        raise ValueError(
            f"the cluster has no room for a worker with {cpus} CPUs and {gpus:g} GPU: {resources}"
        )
    return int(room)

"""Recordings shared out to a Ray cluster: an actor for each worker, with its own networks.

Every machine of the cluster needs this package, the recordings and the folder of results at the
same paths.  An actor that is lost in the middle of a recording costs that recording one try; since
files get their names when they are whole, nothing is lost and nothing there twice.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray

from hand_pose_25d.archive.pool import STOPPED, TRIES, WorkPlan
from hand_pose_25d.archive.process import Outcome, Processor
from hand_pose_25d.archive.units import Unit


class RayWorker:
    """Works on recordings one after the other; becomes an actor."""

    def __init__(self, plan: WorkPlan) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._processor: Processor = plan.processor()

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
        gpus: share of a GPU that an actor asks for.

    Raises ValueError for less than one worker, ConnectionError where there is no cluster.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"at least one worker is needed, got {workers}")
    ours = not ray.is_initialized()
    if ours:
        _connect(address, workers)
    try:
        count = min(workers or _room(gpus), len(units))
        actor = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(RayWorker)
        actor = actor.options(runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}})
        yield from _share_out(deque(units), lambda: actor.remote(plan), count, progress)
    finally:
        if ours:
            ray.shutdown()


def _share_out(
    waiting: deque[Unit], start: Callable[[], Any], count: int, progress: Callable[[int], None]
) -> Iterator[Outcome]:
    idle = [start() for _ in range(count)]
    running: dict[Any, tuple[Any, Unit]] = {}
    tries: dict[str, int] = {}
    full = False
    while running or waiting:
        while waiting and full:
            unit = waiting.popleft()
            yield Outcome(unit.name, unit.title, "failed", STOPPED, disk_full=True)
        while waiting and idle:
            unit, actor = waiting.popleft(), idle.pop()
            running[actor.work.remote(unit)] = (actor, unit)
        if not running:
            return
        (ready, *_), _ = ray.wait(list(running), num_returns=1)
        actor, unit = running.pop(ready)
        try:
            outcome = ray.get(ready)
        except ray.exceptions.RayError as error:  # the actor or its machine is gone
            idle.append(start())
            tries[unit.name] = tries.get(unit.name, 0) + 1
            if tries[unit.name] < TRIES:
                waiting.appendleft(unit)
            else:
                reason = f"its worker was lost {TRIES} times: {type(error).__name__}"
                yield Outcome(unit.name, unit.title, "failed", reason)
            continue
        idle.append(actor)
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
    ray.init(address=address, log_to_driver=False, **local)


def _room(gpus: float) -> int:
    """Return how many actors the cluster has room for."""
    resources = ray.cluster_resources()
    room = resources.get("CPU", 1.0)
    if gpus > 0:
        room = min(room, resources.get("GPU", 0.0) / gpus)
    if room < 1:
        raise ValueError(f"the cluster has no room for a worker with {gpus:g} GPU: {resources}")
    return int(room)

"""The same recordings on a real local Ray: the same files, also when a worker is killed."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import numpy as np
import psutil
import pytest
from recordings_made import clip_images, write_video

from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.pool import WorkPlan, run_locally
from hand_pose_25d.archive.ray_pool import run_on_ray
from hand_pose_25d.archive.settings import ProcessSettings

pytestmark = pytest.mark.long
SETTINGS = ProcessSettings(estimator=(("device", "cpu"),), field_of_view=60.0)
LENGTHS = (6, 5, 4, 3)


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    images = clip_images(6, 40)
    for i, length in enumerate(LENGTHS):
        write_video(folder / f"{i}.mp4", images[:length])
    return find_units([folder])


@pytest.fixture(scope="module")
def single(units, tmp_path_factory):
    """The files that one local process writes."""
    out = tmp_path_factory.mktemp("single")
    outcomes = list(run_locally(units, WorkPlan(SETTINGS, out), lambda _: None, workers=1))
    assert [o.status for o in outcomes] == ["done"] * len(LENGTHS)
    return {path.name: path.read_bytes() for path in out.glob("*.parquet")}


def kill_a_worker(killed: list[int], enough: threading.Event) -> None:
    """Kill the first actor that is seen working."""
    while not enough.is_set():
        for process in psutil.Process().children(recursive=True):
            try:
                if "RayWorker.work" in " ".join(process.cmdline()):
                    time.sleep(1.0)  # into the middle of it
                    os.kill(process.pid, signal.SIGKILL)
                    killed.append(process.pid)
                    return
            except (psutil.Error, ProcessLookupError):
                continue
        time.sleep(0.05)


def test_two_workers_one_killed_lose_nothing_and_do_nothing_twice(units, single, tmp_path):
    killed: list[int] = []
    enough = threading.Event()
    killer = threading.Thread(target=kill_a_worker, args=(killed, enough))
    killer.start()
    images: list[int] = []
    try:
        plan = WorkPlan(SETTINGS, tmp_path)
        outcomes = list(run_on_ray(units, plan, images.append, workers=2, address="local"))
    finally:
        enough.set()
        killer.join()
    assert len(killed) == 1
    assert sorted(o.name for o in outcomes) == sorted(u.name for u in units)
    # Killed between the file and the word of it, the next actor finds the file.
    assert {o.status for o in outcomes} <= {"done", "skipped"}
    assert np.sum(images) == sum(o.images for o in outcomes if o.status == "done")
    assert sum(o.images for o in outcomes) == sum(LENGTHS)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")} == single
    again = list(run_on_ray(units, plan, images.append, workers=1, address="local"))
    assert [o.status for o in again] == ["skipped"] * len(LENGTHS)


def test_a_cluster_that_is_not_there_is_named(units, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionError, match=f"no Ray cluster at {address}"):
        list(run_on_ray(units, WorkPlan(SETTINGS, tmp_path), lambda _: None, address=address))


def test_less_than_one_worker_is_named(units, tmp_path):
    with pytest.raises(ValueError, match="at least one worker"):
        list(run_on_ray(units, WorkPlan(SETTINGS, tmp_path), lambda _: None, workers=0))

"""Recordings that share forward passes: the answers of each alone, in fewer passes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
from recordings_made import clip_images, write_video
from small_networks import make_network, noise

from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.pool import WorkPlan
from hand_pose_25d.archive.process import Processor
from hand_pose_25d.archive.ray_pool import run_on_ray
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.together import SharedProcessor
from hand_pose_25d.inference.backends.batching import PATIENCE, BatchingBackend
from hand_pose_25d.inference.load import load_backend

LONG = 600.0  # seconds for which a request waits: until all threads have asked
SETTINGS = ProcessSettings(
    estimator=(("backend", "torch"), ("device", "cpu")), field_of_view=60.0, smoothing=False
)


def small_backend():
    return load_backend(make_network(), "pose network", "cpu", "torch")


def test_what_threads_ask_for_at_once_is_one_batch():
    alone, shared = small_backend(), BatchingBackend(small_backend(), 3, patience=LONG)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda count: shared(noise(count)), (1, 2, 5)))
    assert shared.batches == [8]
    for count, answers in zip((1, 2, 5), found, strict=True):
        for name, value in alone(noise(count)).items():
            np.testing.assert_allclose(answers[name], value, rtol=1e-4, atol=1e-4)


def test_large_requests_are_cut_and_other_sizes_kept_apart():
    shared = BatchingBackend(small_backend(), members=2, max_batch=4)
    assert len(shared(noise(9))["presence"]) == 9
    assert shared.batches == [4, 4, 1]
    detector = load_backend(make_network("detector"), "detector", "cpu", "torch")
    both = BatchingBackend(detector, members=2, patience=LONG)
    with ThreadPoolExecutor(2) as pool:
        small, large = pool.map(both, (noise(1, 64, 64), noise(1, 64, 96)))
    np.testing.assert_allclose(large["score"], detector(noise(1, 64, 96))["score"], atol=1e-4)
    assert small["score"].shape[1] < large["score"].shape[1]


def test_who_asks_learns_of_errors():
    shared = BatchingBackend(small_backend(), members=1)
    shared._backend.run = lambda images: 1 / 0
    for _ in range(2):  # the thread lives on
        with pytest.raises(ZeroDivisionError):
            shared(noise(1))
    with pytest.raises(ValueError, match="members must be a whole number from 1 on"):
        BatchingBackend(small_backend(), members=0)


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for i in range(2):
        write_video(folder / f"{i}.mp4", clip_images(6, 36 + 4 * i))
    return find_units([folder])


@pytest.fixture(scope="module")
def single(units, tmp_path_factory):
    """What each gives alone."""
    out = tmp_path_factory.mktemp("single")
    processor = Processor(SETTINGS, out)
    assert [processor(unit).status for unit in units] == ["done", "done"]
    return out


def assert_same(units, folder, expected) -> None:
    for unit in units:
        ours, theirs = (pq.read_table(f / f"{unit.name}.parquet") for f in (folder, expected))
        assert ours.num_rows == theirs.num_rows
        for name in ("track_id", "stamp_ns", "handedness"):
            assert ours[name].to_pylist() == theirs[name].to_pylist()
        for a, b in zip(
            ours["keypoints"].to_pylist(), theirs["keypoints"].to_pylist(), strict=True
        ):
            np.testing.assert_allclose(a, b, atol=1e-3)


def test_recordings_in_threads_give_what_each_gives_alone(units, single, tmp_path):
    shared = SharedProcessor(SETTINGS, tmp_path, (), members=2)
    detector = shared.backends[0]
    run = detector._backend.run

    def run_from_now_on_as_it_comes(images: np.ndarray) -> list[np.ndarray]:
        detector.patience = PATIENCE
        return run(images)

    # The first images meet for certain; what comes later meets or not, as threads are scheduled.
    detector.patience, detector._backend.run = LONG, run_from_now_on_as_it_comes
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(shared, units))
    assert [o.status for o in outcomes] == ["done", "done"], outcomes
    assert_same(units, tmp_path, single)
    images = sum(o.images for o in outcomes)
    assert detector.batches[0] == 2 and sum(detector.batches) <= 2 * images


def test_several_at_once_need_a_gpu(units, tmp_path):
    with pytest.raises(ValueError, match="--gpus"):
        list(run_on_ray(units, WorkPlan(SETTINGS, tmp_path, together=2), print))


@pytest.mark.long
def test_a_ray_worker_with_a_gpu_tracks_several_at_once(units, single, tmp_path):
    """The GPU is one in name: Ray gives out what it is told there is."""
    ray.init(num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
    try:
        done: list[int] = []
        plan = WorkPlan(SETTINGS, tmp_path, together=2)
        outcomes = list(run_on_ray(units, plan, done.append, gpus=1.0))
    finally:
        ray.shutdown()
    assert [o.status for o in outcomes] == ["done", "done"], outcomes
    assert sum(done) == sum(o.images for o in outcomes) == 12
    assert_same(units, tmp_path, single)

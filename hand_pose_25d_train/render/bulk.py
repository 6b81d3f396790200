"""Many samples: worker processes that write shards, resumable, deterministic by seed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

from hand_pose_25d_train.datasets.shards import SceneSample, ShardWriter, write_manifest
from hand_pose_25d_train.render import workers
from hand_pose_25d_train.render.scene.compose import Painter
from hand_pose_25d_train.render.scene.crops import render_crop
from hand_pose_25d_train.render.scene.scenes import render_scene
from hand_pose_25d_train.render.shares import RenderShares

logger = logging.getLogger(__name__)

SHARD = 500
VERSION = 8
"""Goes up when the same seed gives other pictures, so that old and new shards do not mix."""


@dataclass(frozen=True)
class Job(RenderShares):
    """What is rendered into a folder; plain values, so that workers can be given it."""

    mode: str
    size: tuple[int, int]
    count: int
    first_seed: int
    bodies: tuple[int, int]
    skins: tuple[str, ...]
    backgrounds: tuple[str, ...]
    objects: tuple[str, ...] = ()
    shard: int = SHARD

    @property
    def shards(self) -> int:
        """The number of shards."""
        return -(-self.count // self.shard)

    def seeds(self, number: int) -> range:
        """The seeds of one shard."""
        start = number * self.shard
        return range(
            self.first_seed + start, self.first_seed + min(start + self.shard, self.count)
        )


def open_painter(job: Job) -> Painter:
    """Open a drawer and the job's assets in this process."""
    return Painter(
        range(*job.bodies),
        [Path(f) for f in job.skins],
        [Path(f) for f in job.backgrounds],
        [Path(f) for f in job.objects],
        **job.shares(),
    )


def make_sampler(job: Job) -> Callable[[int], SceneSample]:
    """Return seed -> sample."""
    painter = open_painter(job)
    if job.mode == "crops":
        return partial(render_crop, painter, size=job.size[0])
    return partial(render_scene, painter, size=job.size)


_sampler: tuple[Job, Callable[[int], SceneSample]] | None = None
"""A process opens its drawer and assets once."""


def _render_shard(job: Job, folder: Path, number: int) -> int:
    global _sampler
    if _sampler is None or _sampler[0] != job:
        _sampler = job, make_sampler(job)
    samples = [_sampler[1](seed) for seed in job.seeds(number)]
    ShardWriter(folder).write(number, samples)
    return len(samples)


def run(job: Job, folder: Path, processes: int, limit: int | None = None) -> Iterator[int]:
    """Write the shards that are missing; yields the number of images of each that is finished.

    `limit`: stop after that many images (the first ones), to be continued by a later run.
    Raises ValueError where the folder holds shards of another job, and RuntimeError where a
    shard's process died again and again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check(job, folder)
    write_manifest(folder, **_describe(job))
    writer = ShardWriter(folder)
    last = job.shards if limit is None else min(job.shards, -(-limit // job.shard))
    todo = [n for n in range(last) if not writer.path(n).exists()]

    def name(number: int) -> str:
        seeds = job.seeds(number)
        return f"shard {number} (seeds {seeds.start} to {seeds.stop - 1})"

    yield from workers.run(partial(_render_shard, job, folder), todo, processes, name)


@dataclass(frozen=True)
class Rates:
    """Images a second of one process."""

    wall: float
    """By the clock."""
    first: float
    """Of processor time, which other work on the machine matters less to: every body, photograph
    and picture of a thing is seen for the first time, as in the first minute of a run."""
    memory: float
    """Of processor time: the same images again, from memory."""
    run: float
    """Of processor time: other images, after these: what a long run does, whose bodies,
    photographs and things come again while no image does."""


def benchmark(job: Job, count: int = 150, further: int = 1000) -> Rates:
    """Time a job's images after a warm-up of eight others."""
    sampler = make_sampler(job)
    for seed in range(8):
        sampler(job.first_seed + seed)
    first = range(job.first_seed + 8, job.first_seed + 8 + count)
    rates = []
    for seeds in (first, first, range(first.stop, first.stop + further)):
        start, used = time.perf_counter(), time.process_time()
        for seed in seeds:
            sampler(seed)
        wall, processor = time.perf_counter() - start, time.process_time() - used
        rates.append((len(seeds) / wall, len(seeds) / processor))
    return Rates(rates[0][0], rates[0][1], rates[1][1], rates[2][1])


def _describe(job: Job) -> dict:
    described = {"renderer": VERSION, **asdict(job)}
    for name in ("skins", "backgrounds", "objects"):
        described[name] = [Path(f).name for f in described[name]]
    return described


def _fingerprint(described: dict) -> str:
    fixed = {k: v for k, v in described.items() if k not in ("count", "format")}
    for name in (f.name for f in fields(RenderShares)):
        if not fixed.get(name):
            fixed.pop(name, None)  # manifests of before have none
    return hashlib.sha256(json.dumps(fixed, sort_keys=True, default=str).encode()).hexdigest()


def _check(job: Job, folder: Path) -> None:
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return
    before = json.loads(manifest.read_text())
    if _fingerprint(before) != _fingerprint(json.loads(json.dumps(_describe(job)))):
        raise ValueError(
            f"{folder} holds shards of other settings (see its manifest.json); "
            "name another folder with --out"
        )


def default_workers() -> int:
    """One process a core."""
    return max(1, os.cpu_count() or 1)

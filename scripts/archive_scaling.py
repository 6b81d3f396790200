"""Measure how `hand-pose-25d process` scales: images/s by workers, and what an image is spent on.

    python scripts/archive_scaling.py                    1 and 2 local processes, then the parts
    python scripts/archive_scaling.py --ray              workers on Ray, on this computer
    python scripts/archive_scaling.py --workers 1 2 4 8

Each worker gets three recordings, the beginning of the bundled clip; the first, with which
networks are loaded, does not count.  Images/s are those of all workers together while they work
beside each other, efficiency is that over the workers' number and over what one alone does.  Other
load on the machine makes all of it wrong.  It takes less than three minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.opening import open_unit
from hand_pose_25d.archive.parquet import RowWriter, finish_parquet
from hand_pose_25d.archive.pool import WorkPlan, run_locally
from hand_pose_25d.archive.schema import image_rows
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.io.clips import CLIP

SETTINGS = ProcessSettings(estimator=(("device", "cpu"),), field_of_view=60.0)
UNITS_A_WORKER = 3


def write_recordings(folder: Path, count: int, images: int) -> list[Unit]:
    """Write copies of the clip's beginning as videos; return them as recordings."""
    import av

    first = folder / "0.mp4"
    with av.open(str(CLIP)) as source, av.open(str(first), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        number = 0
        for packet in source.demux(video=0):
            if packet.dts is None or number == images:
                break
            packet.stream = stream
            copy.mux(packet)
            number += 1
    for i in range(1, count):
        # Not the same bytes: a copy would be as good as done.
        (folder / f"{i}.mp4").write_bytes(first.read_bytes() + bytes([i]))
    return find_units([folder])


def rate(units: list[Unit], out: Path, workers: int, on_ray: bool) -> float:
    """Return images a second of so many workers; each begins with one of the first recordings."""
    plan = WorkPlan(SETTINGS, out)
    if on_ray:
        from hand_pose_25d.archive.ray_pool import run_on_ray

        outcomes = run_on_ray(units, plan, lambda n: None, workers, "local")
    else:
        outcomes = run_locally(units, plan, lambda n: None, workers)
    cold = {unit.name for unit in units[:workers]}
    found = list(outcomes)
    failed = [outcome for outcome in found if outcome.status != "done"]
    if failed:
        raise RuntimeError(f"{failed[0].title}: {failed[0].status} {failed[0].reason}")
    warm = [outcome for outcome in found if outcome.name not in cold]
    return workers * sum(o.images for o in warm) / sum(o.seconds for o in warm)


def parts(unit: Unit, out: Path) -> dict[str, float]:
    """Return milliseconds of CPU that an image costs, by part, in one thread."""
    spent = dict.fromkeys(("digest", "decoding", "networks and metres", "rows", "smoothing"), 0.0)
    estimator = HandPoseEstimator(**dict(SETTINGS.estimator))
    clock = time.thread_time

    def timed(name: str, work):
        start = clock()
        result = work()
        spent[name] += clock() - start
        return result

    timed("digest", unit.digest)
    recording = open_unit(unit, SETTINGS)
    raw, number = out / "raw.parquet", 0
    with RowWriter(raw) as writer:
        while (frame := timed("decoding", lambda: next(recording.images, None))) is not None:
            track = (frame.image, frame.camera, frame.stamp)
            hands = timed("networks and metres", lambda t=track: estimator.track(*t))
            rows = (unit.name, number, frame, hands)
            timed("rows", lambda r=rows: writer.write(image_rows(*r)))
            number += 1
        timed("rows", writer.flush)
    plain, smooth = out / "plain.parquet", out / "smooth.parquet"
    timed("rows", lambda: finish_parquet(raw, plain, {}, smoothing=False))
    start = clock()
    finish_parquet(raw, smooth, {}, smoothing=True)
    spent["smoothing"] = clock() - start
    return {name: 1e3 * seconds / number for name, seconds in spent.items()}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, default=60, help="of each recording")
    parser.add_argument("--ray", action="store_true", help="workers on Ray, not local processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        count = UNITS_A_WORKER * max(options.workers)
        recordings, out = Path(folder, "recordings"), Path(folder, "out")
        recordings.mkdir()
        units = write_recordings(recordings, count, options.images)
        print("workers  images/s  efficiency")
        base = None
        for workers in tqdm(options.workers, leave=False):
            own = [replace(u, name=f"{workers}-{u.name}") for u in units]
            per_second = rate(own[: UNITS_A_WORKER * workers], out, workers, options.ray)
            base = base or per_second / workers
            print(f"{workers:7d}  {per_second:8.1f}  {per_second / workers / base:10.2f}")
        print("\npart                  ms an image  share")
        found = parts(units[0], out)
        for name, milliseconds in found.items():
            share = milliseconds / sum(found.values())
            print(f"{name:20s}  {milliseconds:11.2f}  {100 * share:4.0f} %")


if __name__ == "__main__":
    main()

"""Part files: those of a killed process go with the next run, those of a living one stay."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

from hand_pose_25d.io.parts import PartFile, part_path, remove_abandoned_parts, whole_or_nothing
from hand_pose_25d.io.videos import VideoWriter

PATIENCE = 300.0  # seconds until a process must have begun
WRITING = """
import sys, time
from pathlib import Path
import numpy as np
from hand_pose_25d.io.parts import scratch_file, whole_or_nothing
from hand_pose_25d.io.videos import VideoWriter
folder = Path(sys.argv[1])
video = VideoWriter(folder / "a.mp4", 10.0)
video.write(np.zeros((48, 64, 3), np.uint8))
with whole_or_nothing(folder / "a.json"), scratch_file(folder):
    print("writing", flush=True)
    time.sleep(1000)
"""


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def killed_at_the_end(*arguments, **options):
    process = subprocess.Popen([sys.executable, *map(str, arguments)], **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_parts_of_a_killed_process_go_and_those_of_a_living_one_stay(tmp_path):
    with killed_at_the_end("-c", WRITING, tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        assert len(names(tmp_path)) == 3
        remove_abandoned_parts(tmp_path, folders=True)
        assert len(names(tmp_path)) == 3
        process.stdout.close()
    assert len(names(tmp_path)) == 3
    remove_abandoned_parts(tmp_path)
    assert names(tmp_path) == []


def test_only_parts_go(tmp_path):
    others = [".hidden", ".download.part", "a.part", f".{'0' * 32}", f".{'g' * 32}.part"]
    for name in others:
        (tmp_path / name).touch()
    part_path(tmp_path).touch()
    folder = part_path(tmp_path)
    (folder / "within").mkdir(parents=True)
    remove_abandoned_parts(tmp_path)
    assert names(tmp_path) == sorted([*others, folder.name])
    remove_abandoned_parts(tmp_path, folders=True)
    assert names(tmp_path) == sorted(others)
    remove_abandoned_parts(tmp_path / "absent")


def test_a_part_gets_its_name_when_all_went_well(tmp_path):
    with whole_or_nothing(tmp_path / "new" / "a.txt") as part:
        part.write_text("whole")
        assert names(tmp_path / "new") == [part.name]
    assert (tmp_path / "new/a.txt").read_text() == "whole"
    with pytest.raises(ZeroDivisionError), whole_or_nothing(tmp_path / "new" / "a.txt") as part:
        part.write_text("half")
        _ = 1 / 0
    assert (tmp_path / "new/a.txt").read_text() == "whole"
    assert names(tmp_path / "new") == ["a.txt"]


def test_a_part_that_another_took_for_nobodys_is_made_again(tmp_path, monkeypatch):
    """Between its making and its lock, once."""
    import fcntl

    lock, taken = fcntl.flock, []

    def late(descriptor, operation):
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    part = PartFile(tmp_path / "a.txt")
    assert taken and part.path != taken[0] and part.path.exists()
    part.finish()
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("command", ["estimate", "demo"])
def test_a_run_that_was_killed_leaves_nothing_beside_the_next_ones_results(tmp_path, command):
    clip = tmp_path / "clip.mp4"
    writer = VideoWriter(clip, 30.0)
    for _ in range(600):
        writer.write(np.zeros((480, 640, 3), np.uint8))
    writer.close()
    out = tmp_path / "out"
    arguments = ["-m", "hand_pose_25d.cli", command, clip, "-o", out, "--focal", "600"]
    arguments += ["--device", "cpu", "--threads", "1"]
    with killed_at_the_end(*arguments, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + PATIENCE
        while not list(out.glob(".*.part.mp4")):
            assert process.poll() is None and time.monotonic() < end, "nothing was written"
            time.sleep(0.01)
    assert list(out.glob(".*.part.mp4")), "it was done before it was killed"
    from hand_pose_25d import cli

    assert cli.main([*map(str, arguments[2:]), "--frames", "2"]) == 0
    assert not [name for name in names(out) if name.startswith(".")]

"""`process` over real recordings: what comes out, what is skipped, what a failure costs."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from recordings_made import (
    FIRST_STAMP,
    clip_camera,
    clip_images,
    write_bag,
    write_lerobot,
    write_video,
)
from rosbags.highlevel import AnyReader

from hand_pose_25d import HandPoseEstimator, cli
from hand_pose_25d.archive.exports import FORMATS, SUFFIXES
from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.lerobot_columns import copies
from hand_pose_25d.archive.parquet import read_images, read_metadata, read_rows
from hand_pose_25d.archive.pool import WorkPlan, run_locally
from hand_pose_25d.archive.process import Processor
from hand_pose_25d.archive.results import is_result
from hand_pose_25d.archive.schema import ALL_COLUMNS, HAND_COLUMNS, row_hand
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.commands import process
from hand_pose_25d.io.clips import CLIP

OPTIONS = ("--field-of-view", "60", "--quiet", "--device", "cpu")


def parsed_settings() -> ProcessSettings:
    """The settings that the command makes of OPTIONS."""
    parser = argparse.ArgumentParser()
    process.add_arguments(parser)
    return process.settings_of(parser.parse_args(["x", "--out", "x", *OPTIONS]))


SETTINGS = parsed_settings()
IMAGES = 6
FIRST = 40  # of the clip's images: from here on both hands are followed


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A bag of two hands, a video that begins without any, a LeRobot data set, a broken file."""
    folder = tmp_path_factory.mktemp("recordings")
    images = clip_images(IMAGES, FIRST)
    camera = clip_camera()
    write_bag(folder / "walk", images, camera)
    write_video(folder / "clip.mp4", [np.full_like(images[0], 90)] * 2 + images[:4])
    write_lerobot(folder / "set", [images[:3], images[3:]])
    (folder / "broken.mp4").write_bytes(b"nothing" * 999)
    return folder


def command(*arguments: object) -> int:
    return cli.main(["process", *map(str, arguments), *OPTIONS])


@pytest.fixture(scope="module")
def done(recordings, tmp_path_factory):
    """The results of all of them, by one command and two processes."""
    out = tmp_path_factory.mktemp("out")
    formats = ("--also", "jsonl", "mcap", "lerobot")
    code = command(recordings, "--out", out, "--workers", 2, *formats)
    return code, out


def test_one_failure_costs_only_itself(done):
    code, out = done
    assert code == 1
    assert {p.name for p in out.glob("*.parquet")} == {
        "walk.parquet", "clip.parquet", "set_episode_000000.parquet", "set_episode_000001.parquet",
    }  # fmt: skip
    assert not list(out.glob(".*.part"))


def test_two_processes_write_what_one_writes(recordings, done, tmp_path):
    """To the last digit, and in whatever order: the bytes of the files are the same."""
    processor = Processor(SETTINGS, tmp_path)
    for unit in reversed(find_units([recordings])):
        processor(unit)
    files = {p.name: p.read_bytes() for p in tmp_path.glob("*.parquet")}
    assert files == {p.name: p.read_bytes() for p in done[1].glob("*.parquet")}


def test_the_file_says_what_is_in_it(done):
    schema = pq.read_schema(done[1] / "walk.parquet")
    assert schema.names == [column.name for column in ALL_COLUMNS]
    for column in ALL_COLUMNS:
        described = schema.field(column.name)
        assert described.type == column.type
        assert described.metadata[b"unit"].decode() == column.unit
    metadata = read_metadata(done[1] / "walk.parquet")
    assert metadata["schema_version"] == "1" and metadata["images"] == str(IMAGES)


def test_the_hands_are_the_estimators(recordings, done):
    """Image by image and hand by hand, in float32's precision."""
    estimator = HandPoseEstimator(weights="accurate", device="cpu", threads=1)
    (unit,) = find_units([recordings / "walk"])
    from hand_pose_25d.archive.opening import open_unit

    seen = list(read_images(done[1] / "walk.parquet"))
    hands = 0
    for number, frame in enumerate(open_unit(unit, SETTINGS).images):
        found = estimator.track(frame.image, frame.camera, frame.stamp)
        rows = [row for row in seen[number] if row["track_id"] is not None]
        assert len(rows) == len(found)
        for row, hand in zip(rows, found, strict=True):
            hands += 1
            stored = row_hand(row)
            np.testing.assert_allclose(stored.keypoints, hand.keypoints, rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(stored.covariance, hand.covariance, rtol=1e-5, atol=1e-9)
            np.testing.assert_allclose(stored.keypoints_2d, hand.keypoints_2d, rtol=1e-6)
            assert (stored.handedness, stored.state) == (hand.handedness, hand.state)
            np.testing.assert_allclose(row["wrist_position"], row["keypoints"][:3])
            assert np.linalg.norm(row["wrist_orientation"]) == pytest.approx(1, abs=1e-6)
    assert hands >= IMAGES


def test_every_image_has_a_row_and_one_without_a_hand_has_nulls(done):
    images = list(read_images(done[1] / "clip.parquet"))
    assert [rows[0]["frame_index"] for rows in images] == list(range(6))
    (empty,) = images[0]
    assert all(empty[column.name] is None for column in HAND_COLUMNS)
    assert empty["fx"] > 0 and empty["stamp_ns"] == 0


def test_ids_count_from_one_in_every_recording(done):
    for path in done[1].glob("*.parquet"):
        ids = [row["track_id"] for row in read_rows(path) if row["track_id"] is not None]
        assert ids[0] == 1 and set(ids) == set(range(1, max(ids) + 1))


def test_smoothed_hands_stay_near_and_are_surer(done):
    rows = [r for r in read_rows(done[1] / "walk.parquet") if r["smoothed_keypoints"] is not None]
    assert len(rows) >= IMAGES
    pairs = [(row_hand(row), row_hand(row, smoothed=True)) for row in rows]
    steps = [np.linalg.norm(raw.keypoints - smooth.keypoints, axis=-1) for raw, smooth in pairs]
    assert 0 < np.nanmedian(steps) < 0.01  # m
    variances = [[np.trace(hand.covariance, axis1=1, axis2=2) for hand in pair] for pair in pairs]
    raw_variance, smooth_variance = np.swapaxes(variances, 0, 1)
    assert np.nanmedian(smooth_variance / raw_variance) <= 1 + 1e-5


def test_json_lines_have_an_image_each(done):
    lines = (done[1] / "walk.jsonl").read_text().splitlines()
    rows = list(read_images(done[1] / "walk.parquet"))
    assert len(lines) == IMAGES
    image = json.loads(lines[3])
    assert image["stamp_ns"] == rows[3][0]["stamp_ns"]
    assert image["camera"]["fx"] == rows[3][0]["fx"]
    np.testing.assert_allclose(
        np.ravel(image["hands"][0]["keypoints"]), rows[3][0]["keypoints"], atol=1e-5
    )


def test_the_mcap_has_the_nodes_topics(done):
    with AnyReader([done[1] / "walk.mcap"]) as reader:
        assert {t: i.msgcount for t, i in reader.topics.items()} == {
            "/hands": IMAGES, "/markers": IMAGES, "/image_annotations": IMAGES,
        }  # fmt: skip
        for connection, stamp, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            if connection.topic == "/hands":
                assert message.header.frame_id == "head_camera_optical"
                assert stamp >= FIRST_STAMP and message.hands[0].wrist_pose.pose.position.z > 0.1


def test_lerobot_columns_lie_beside_the_sources(recordings, done):
    copy = done[1] / "lerobot/set"
    source = pq.read_table(recordings / "set/data/chunk-000/file-000.parquet")
    table = pq.read_table(copy / "data/chunk-000/file-000.parquet")
    assert table.select(source.column_names).equals(source)
    features = json.loads((copy / "meta/info.json").read_text())["features"]
    assert set(table.column_names) <= set(features)
    rows = list(read_images(done[1] / "set_episode_000001.parquet"))
    for i, images in enumerate(rows):
        for row in images:
            if row["track_id"] is None or row["state"] == "lost":
                continue
            name = f"observation.hand_{row['handedness']}.keypoints"
            stored = table[name][3 + i].as_py()
            assert len(stored) == features[name]["shape"][0] == 63
            np.testing.assert_allclose(stored, row["smoothed_keypoints"] or row["keypoints"])
    assert next((copy / "videos").rglob("*.mp4")).is_file()
    stats = json.loads((copy / "meta/stats.json").read_text())
    assert len(stats["observation.hand_right.keypoints"]["mean"]) == 63 and "action" in stats


def test_done_recordings_are_skipped_by_content_and_settings(recordings, done, tmp_path, capsys):
    processor = Processor(SETTINGS, tmp_path)
    moved = tmp_path / "elsewhere/clip.mp4"
    moved.parent.mkdir()
    images = clip_images(3, FIRST)
    write_video(moved, images)
    (unit,) = find_units([moved])
    assert processor(unit).status == "done"
    assert processor(unit).status == "skipped"
    moved = moved.rename(tmp_path / "clip.mp4")
    (unit,) = find_units([moved])
    assert processor(unit).status == "skipped"  # the same content at another place
    other = ProcessSettings(SETTINGS.estimator, focal=700.0)
    assert Processor(other, tmp_path)(unit).status == "done"  # other settings
    threads = dict(SETTINGS.estimator) | {"threads": 2}
    threads = ProcessSettings(tuple(sorted(threads.items())), focal=700.0)
    assert Processor(threads, tmp_path)(unit).status == "skipped"
    write_video(moved, images[:2])
    assert Processor(other, tmp_path)(unit).status == "done"  # other content
    write_video(tmp_path / "third/clip.mp4", images)
    outcome = Processor(other, tmp_path)(find_units([tmp_path / "third"])[0])
    assert outcome.status == "failed" and "holds another recording" in outcome.reason
    # A format that is asked for later is made of what is there.
    outcome = Processor(other, tmp_path, ("jsonl",))(unit)
    assert outcome.status == "skipped" and (tmp_path / "clip.jsonl").is_file()


def test_a_killed_process_costs_no_recording(recordings, tmp_path):
    """One of two is killed in mid-work: every recording is done once, none is lost."""
    units = find_units([recordings / "walk", recordings / "clip.mp4", recordings / "set"])
    plan = WorkPlan(SETTINGS, tmp_path)
    killed = []

    def kill_one(images: int) -> None:
        if not killed and images > 0:
            import multiprocessing

            victim = multiprocessing.active_children()[0]
            os.kill(victim.pid, signal.SIGKILL)
            killed.append(victim.pid)

    outcomes = list(run_locally(units, plan, kill_one, workers=2))
    assert len(killed) == 1
    assert sorted(o.name for o in outcomes) == sorted(u.name for u in units)
    # Killed between the file and the word of it, the next process finds the file.
    assert {o.status for o in outcomes} <= {"done", "skipped"}
    images = {unit.name: len(list(read_images(tmp_path / f"{unit.name}.parquet")))
              for unit in units}  # fmt: skip
    assert sorted(images.values()) == sorted([IMAGES, 6, 3, 3])


def test_what_a_killed_run_left_goes_with_the_next(recordings, tmp_path):
    """SIGKILL for the command and its processes, in the middle of a long recording."""
    out = tmp_path / "out"
    arguments = ["process", CLIP, "--out", out, "--workers", 1, *OPTIONS]
    process = subprocess.Popen(
        [sys.executable, "-m", "hand_pose_25d.cli", *map(str, arguments)],
        start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 300
    while not list(out.glob(".*.part")):
        assert process.poll() is None and time.monotonic() < end, "nothing was written"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(out.glob(".*.part")) and not list(out.glob("*.parquet"))
    (out / f"lerobot/.{'0' * 32}.part/meta").mkdir(parents=True)
    assert command(recordings / "clip.mp4", "--out", out) == 0
    assert [p.name for p in out.glob("*.parquet")] == ["clip.parquet"]
    assert not list(out.rglob(".*.part"))


def test_a_full_disk_keeps_what_is_whole_and_says_so(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if os.system(f"mount -t tmpfs -o size=300k tmpfs {folder} 2>/dev/null"):
        pytest.skip("no file system of a given size can be mounted here")
    try:
        images = clip_images(4, FIRST)
        for i in range(3):
            write_video(tmp_path / f"in/{i}.mp4", images[: 4 - i])
        (folder / "filling").write_bytes(bytes(200_000))
        units = find_units([tmp_path / "in"])
        first = Processor(SETTINGS, folder)(units[0])
        left = os.statvfs(folder)
        (folder / "more").write_bytes(bytes(max(left.f_bavail * left.f_frsize - 4096, 0)))
        outcomes = list(run_locally(units, WorkPlan(SETTINGS, folder), lambda _: None))
        assert first.status == "done" and outcomes[0].status == "skipped"
        assert outcomes[1].disk_full and "the disk is full" in outcomes[1].reason
        assert "not begun: the disk is full" in outcomes[2].reason
        assert len(list(read_rows(folder / "0.parquet"))) >= 4
        assert not list(folder.glob(".*.part"))
    finally:
        os.system(f"umount {folder}")


def test_a_video_that_breaks_off_fails_or_keeps_its_images_as_asked(tmp_path):
    path = write_video(tmp_path / "v.mp4", clip_images(12, FIRST), movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    (unit,) = find_units([path])
    outcome = Processor(SETTINGS, tmp_path)(unit)
    assert outcome.status == "failed" and "it breaks off" in outcome.reason
    assert not (tmp_path / "v.parquet").exists()
    outcome = Processor(replace(SETTINGS, keep_truncated=True), tmp_path)(unit)
    assert outcome.status == "done" and "it breaks off" in outcome.reason
    assert outcome.images == len(list(read_images(tmp_path / "v.parquet"))) > 3
    assert "it breaks off" in read_metadata(tmp_path / "v.parquet")["remarks"]


def sums(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_results_among_the_recordings_are_no_recordings(recordings, tmp_path):
    """A run with its results beside its input, and a second one over the same folder."""
    write_bag(tmp_path / "walk", clip_images(2, FIRST), clip_camera())
    write_lerobot(tmp_path / "set", [clip_images(2, FIRST)])
    before = sums(tmp_path)
    names = [unit.name for unit in find_units([tmp_path])]
    arguments = (tmp_path, "--out", tmp_path, "--also", "mcap", "lerobot")
    assert command(*arguments) == 0
    first = sums(tmp_path)
    assert {name: first[name] for name in before} == before
    assert [unit.name for unit in find_units([tmp_path])] == names
    assert command(*arguments, "--resume") == 0
    assert sums(tmp_path) == first
    results = tmp_path / "results"
    results.mkdir()
    (tmp_path / "walk.mcap").rename(results / "walk.mcap")
    with pytest.raises(ValueError, match="results holds no recording"):
        find_units([results])


@pytest.mark.parametrize(
    "name", ["walk.parquet", "walk.mcap", "walk.csv", "walk.jsonl", "walk.coco.json"]
)
def test_no_file_of_others_is_overwritten(recordings, tmp_path, name):
    shutil.copy(recordings / "walk/walk.mcap", tmp_path / "walk.mcap")
    (unit,) = find_units([tmp_path / "walk.mcap"])
    if name == "walk.parquet":
        pq.write_table(pq.read_table(recordings / "set/meta/tasks.parquet"), tmp_path / name)
    elif name != "walk.mcap":
        (tmp_path / name).write_text("{}")
    before = sums(tmp_path)
    formats = [f for f, suffix in SUFFIXES.items() if name == f"walk{suffix}"]
    outcome = Processor(SETTINGS, tmp_path, tuple(formats))(unit)
    assert outcome.status == "failed" and f"{name} is there" in outcome.reason
    assert sums(tmp_path) == before


def test_every_file_that_is_written_is_known_for_a_result(recordings, tmp_path):
    (unit,) = find_units([recordings / "walk"])
    for _ in range(2):  # and written anew
        assert Processor(SETTINGS, tmp_path, FORMATS, resume=False)(unit).status == "done"
    written = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(written) == 1 + len(FORMATS)
    assert all(is_result(path) for path in written)
    assert Processor(SETTINGS, tmp_path, FORMATS)(unit).status == "skipped"


def test_a_data_set_is_not_the_place_of_its_copy(recordings, tmp_path, capsys):
    source = write_lerobot(tmp_path / "lerobot/set", [clip_images(1, FIRST)])
    before = sums(source)
    assert command(source, "--out", tmp_path, "--also", "lerobot") == 2
    assert "lerobot/set would be overwritten" in capsys.readouterr().err
    assert sums(source) == before
    units = find_units([source, recordings / "set"])
    targets = copies(units, tmp_path / "out")
    assert len(set(targets.values())) == len(targets) == 2


def test_two_runs_in_one_folder_do_not_mix(recordings, tmp_path, capsys):
    from hand_pose_25d.archive.run import locked

    with locked(tmp_path):
        assert command(recordings / "broken.mp4", "--out", tmp_path) == 2
    assert f"another run works in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, message",
    [
        (("--workers", 0), "at least one worker"),
        (("--rate", 0), "a rate is 0.01 to 10000"),
        (("--camera", "no.yaml"), "no.yaml"),
        (("--smoothing",), "process smooths both ways"),
        (("--max-hands", 0), "max_hands must be"),
    ],
)
def test_wrong_options_are_named(recordings, tmp_path, capsys, options, message):
    assert command(recordings / "broken.mp4", "--out", tmp_path, *options) == 2
    assert message in capsys.readouterr().err

"""Names of results, and records that outlive an interrupt."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hand_pose_25d.io.json_lines import RecordWriter, is_ours
from hand_pose_25d.io.outputs import picture_names, refuse_overwriting, unused, unused_stem


@pytest.mark.parametrize(
    ("there", "inputs", "taken", "expected"),
    [
        ({}, [], [], "a"),
        ({}, [], ["a", "a_2"], "a_3"),
        ({"a.mp4": ""}, ["a.mp4"], [], "a_2"),
        ({"a.mp4": ""}, [], [], "a_2"),  # somebody else's
        ({"a.mp4": "", "a.json": '{"source": "x"}'}, [], [], "a"),  # an earlier run's
        ({"a.mp4": "", "a.json": '{"source": "x"}'}, ["a.mp4"], [], "a_2"),
        ({"a.json": '{"camera": {}}'}, [], [], "a_2"),
        ({"a.jsonl": '{"source":"x"}\n'}, [], [], "a"),
        ({"a/1.png": ""}, ["a/1.png"], [], "a_2"),
        ({"a/1.png": ""}, [], [], "a_2"),
        ({"a_2.mp4": ""}, [], ["a"], "a_3"),
    ],
)
def test_stems(tmp_path, there, inputs, taken, expected):
    for name, text in there.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert unused_stem(tmp_path, "a", [tmp_path / n for n in inputs], taken) == expected


def test_an_input_by_another_name_is_still_one(tmp_path):
    (tmp_path / "real.mp4").touch()
    (tmp_path / "out").symlink_to(tmp_path)
    (tmp_path / "overlay.mp4").symlink_to(tmp_path / "real.mp4")
    with pytest.raises(ValueError, match="overlay.mp4 is an input and would be overwritten"):
        refuse_overwriting([tmp_path / "out" / "overlay.mp4"], [tmp_path / "real.mp4"])
    refuse_overwriting([tmp_path / "other.mp4"], [tmp_path / "real.mp4"])


def test_pictures_of_one_stem_have_names_of_their_own():
    names = picture_names(["a.jpg", "a.png", "b.c.jpg", "d.png"])
    assert names == {"a.jpg": "a.jpg.png", "a.png": "a.png.png", "b.c.jpg": "b.c.png",
                     "d.png": "d.png"}  # fmt: skip


def test_unused_counts_on(tmp_path):
    assert unused(tmp_path / "a.mcap") == tmp_path / "a.mcap"
    (tmp_path / "a.mcap").touch()
    (tmp_path / "a_2.mcap").touch()
    assert unused(tmp_path / "a.mcap") == tmp_path / "a_3.mcap"


def records(path) -> list[str]:
    return [record["name"] for record in json.loads(path.read_text())["images"]]


def test_records_are_there_at_once_and_another_run_goes_on(tmp_path):
    path = tmp_path / "out" / "a.json"
    writer = RecordWriter(path, {"source": "photos"}, {"camera": "c"})
    writer.write({"name": "1.png"})
    writer.write({"name": "2.png"})
    lines = writer.lines.read_text().splitlines()
    assert len(lines) == 3 and json.loads(lines[2]) == {"name": "2.png"} and is_ours(writer.lines)
    with writer.lines.open("a") as file:
        file.write('{"name": "3.p')  # the machine went down here
    again = RecordWriter(path, {"source": "photos"}, {"camera": "c"}, resume=True)
    assert again.done == {"1.png", "2.png"}
    again.write({"name": "3.png"})
    again.close(complete=True)
    assert records(path) == ["1.png", "2.png", "3.png"] and is_ours(path)
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize(("source", "camera"), [("others", "c"), ("photos", "another")])
def test_records_of_something_else_are_not_gone_on_with(tmp_path, source, camera):
    path = tmp_path / "a.json"
    writer = RecordWriter(path, {"source": "photos"}, {"camera": "c"})
    writer.write({"name": "1.png"})
    writer.close(complete=False)
    assert records(path) == ["1.png"] and writer.lines.exists()
    assert not RecordWriter(path, {"source": source}, {"camera": camera}, resume=True).done


def test_numbers_that_json_does_not_have_are_refused(tmp_path):
    writer = RecordWriter(tmp_path / "a.json", {"source": "x"}, {})
    with pytest.raises(ValueError):
        writer.write({"name": float("nan")})


def test_a_disk_that_is_full_keeps_what_was_written(tmp_path):
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from hand_pose_25d.io.json_lines import RecordWriter\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "writer = RecordWriter(Path(sys.argv[1]), {'source': 'x'}, {}, resume=True)\n"
        "print(len(writer.records), flush=True)\n"
        "try:\n"
        "    try:\n"
        "        for i in range(1000): writer.write({'name': f'{i:06d}'})\n"
        "    finally:\n"
        "        writer.close(False)\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.json")]
    runs = [subprocess.run(command, capture_output=True, text=True) for _ in range(2)]
    for run in runs:
        assert "what was done is kept in it" in run.stdout and "a.jsonl" in run.stdout, run
    assert runs[0].stdout.startswith("0\n") and int(runs[1].stdout.split()[0]) > 80
    assert {"a.jsonl"} <= {path.name for path in tmp_path.iterdir()} <= {"a.json", "a.jsonl"}

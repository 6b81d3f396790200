"""`hand-pose-25d benchmark`: every figure is there, and both sides work in turn."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_networks import noise, save_small

from hand_pose_25d import cli
from hand_pose_25d.commands import timing
from hand_pose_25d.commands.timing import Contender, busy_processes, in_turn, mediapipe_contenders
from hand_pose_25d.commands.timing_report import END, MEDIAPIPE, START, Report, write_markdown
from hand_pose_25d.io.sources import SourceImage

PARTS = {
    "detector", "crop", "pose network, 1 hand", "pose network, 2 hands", "reconstruction, 1 hand",
    "reconstruction, 2 hands",
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> list[str]:
    """Arguments: small images and small networks."""
    folder = tmp_path_factory.mktemp("benchmark")
    (folder / "images").mkdir()
    for i, image in enumerate(noise(3, 96, 128)):
        cv2.imwrite(str(folder / "images" / f"{i}.png"), image)
    files = [str(save_small(kind, folder)) for kind in ("pose network", "detector")]
    return [
        "benchmark", str(folder / "images"), "--weights", files[0], "--detector", files[1],
        "--device", "cpu", "--backend", "torch", "--focal", "150",
    ]  # fmt: skip


def contender(name: str, most: int, times: list[float]) -> Contender:
    return Contender(name, most, lambda frame: 1, times, [1] * len(times))


def test_every_figure_is_there(small, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    out, page, picture = tmp_path / "out.json", tmp_path / "speed.md", tmp_path / "plot.png"
    arguments = ["--no-mediapipe", "--json", out, "--markdown", page, "--plot", picture]
    assert cli.main([*small, *map(str, arguments)]) == 0
    stored = json.loads(out.read_text())
    figures = stored["median_ms"]
    assert PARTS | {"track, max_hands=1", "track, max_hands=2, 95 %"} <= set(figures)
    assert all(value > 0 for value in figures.values())
    assert [row["max_hands"] for row in stored["whole_images"]] == [1, 2]
    assert all(len(row["times_ms"]) == 3 for row in stored["whole_images"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in figures)
    text = page.read_text()
    assert "3 images of 128 x 96 px" in text and "torch cpu float32, 1 thread" in text
    assert "Python" in text and "no load added" in text
    assert cv2.imread(str(picture)).shape[1] > 500


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_compare_leaves_out_what_the_cpu_lacks(
    small, tmp_path, capsys, caplog, monkeypatch, has_bfloat16
):
    monkeypatch.setattr(timing, "cpu_has_bfloat16", lambda: has_bfloat16)
    monkeypatch.setattr(timing, "COMPARED", (("torch", "float32"), ("torch", "bfloat16")))
    out = tmp_path / "out.json"
    assert cli.main([*small, "--compare", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())["median_ms"]
    float32 = {
        f"{part}, torch cpu float32, 1 thread"
        for part in ("1 crop", "2 crops", "4 crops", "detector")
    }
    assert float32 <= set(figures) and all(value > 0 for value in figures.values())
    assert (len(figures) == 8) == has_bfloat16
    assert ("this CPU has no bfloat16" in caplog.text) != has_bfloat16


def test_contenders_work_in_turn():
    order: list[str] = []

    def record(name: str):
        return Contender(name, 1, lambda frame: order.append(f"{name}{frame.name}") or 2)

    both = [record("a"), record("b")]
    frames = [SourceImage(str(i), i / 30, np.zeros((2, 2, 3), np.uint8)) for i in range(3)]
    in_turn(both, frames)
    assert order == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert [len(c.times) for c in both] == [3, 3] and both[0].hands == [2, 2, 2]


def test_percentiles_and_ratios():
    ours = contender("hand_pose_25d", 1, [10.0] * 18 + [30.0, 50.0])
    report = Report(20, (64, 48), "networks", 2, {"crop": 1.0}, [
        ours, contender(MEDIAPIPE, 1, [20.0] * 20), contender("hand_pose_25d", 2, [5.0]),
    ])  # fmt: skip
    row = ours.row()
    assert (row["median"], row["worst"], row["hands"]) == (10.0, 50.0, 1.0)
    assert 10.0 < row["p95"] < row["p99"] < 50.0
    assert report.ratios(ours) == pytest.approx(
        {"median": 0.5, "p95": row["p95"] / 20, "worst": 2.5}
    )
    assert report.ratios(report.contenders[2]) == {}, "MediaPipe has not followed two hands"
    text = report.markdown()
    assert f"| hand_pose_25d, at most 1 | 10.0 | {row['p95']:.1f} |" in text
    assert "0.50, 1.55, 2.50 |" in text and "2 busy processes beside" in text


def test_markdown_takes_the_place_of_earlier_figures(tmp_path):
    path = tmp_path / "speed.md"
    path.write_text("# Speed\n\nHow to measure.\n")
    write_markdown("first\n", path)
    assert path.read_text().endswith(f"measure.\n\n{START}\nfirst\n{END}\n")
    path.write_text(path.read_text() + "\nThe end.\n")
    write_markdown("second \\1\n", path)
    text = path.read_text()
    assert "first" not in text and f"{START}\nsecond \\1\n{END}\n" in text
    assert text.startswith("# Speed") and text.endswith("The end.\n")


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs Linux's /proc")
def test_busy_processes_end_with_the_measurement():
    with busy_processes(2):
        pass
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if children.exists():
        running = [Path(f"/proc/{pid}/cmdline") for pid in children.read_text().split()]
        assert not any(b"while True" in p.read_bytes() for p in running if p.exists())


def test_without_mediapipe_ours_runs_alone(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with mediapipe_contenders((1, 2)) as contenders:
        assert contenders == []
    assert "pip install --no-deps mediapipe" in caplog.text


def test_mediapipe_follows(tmp_path):
    pytest.importorskip("mediapipe", reason="needs mediapipe")
    with mediapipe_contenders((1,)) as (one,):
        assert one.name == MEDIAPIPE
        assert one.follow(SourceImage("0", 0.0, np.zeros((96, 128, 3), np.uint8))) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--frames", "0"], "argument --frames: takes a whole number from 1 on, got '0'"),
        (["--load", "-1"], "--load -1"),
    ],
)
def test_wrong_numbers_are_named(small, capsys, wrong, message):
    try:
        code = cli.main([*small, *wrong])
    except SystemExit as end:  # argparse's own
        code = end.code
    assert code == 2 and message in capsys.readouterr().err

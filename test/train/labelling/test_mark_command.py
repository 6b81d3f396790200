"""Marking by hand: pixels of the crop and of the photograph, files that do not fit, two passes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from hand_pose_25d.cli import main
from hand_pose_25d_train.labelling.mark_command import CROP_SIDE, MOST_MISSING, marking_crops

BOX = (100.0, 60.0, 40.0, 80.0)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    image = np.zeros((200, 300, 3), np.uint8)
    image[100, 120] = 255
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), image)
    path = tmp_path / "hands.csv"
    path.write_text("file,x,y,width,height\n" + ",".join(map(str, ("a.png", *BOX))) + "\n")
    return path


def _marks(path: Path, shift: float = 0.0, count: int = 21, hand: str = "a.png#0") -> Path:
    rows = [f"{hand},0,{k},{10 * k + shift},{400 + 20 * k}" for k in range(count)]
    path.write_text("\n".join(["hand,right,keypoint,u,v", *rows]))
    return path


def test_the_crop_shows_the_box_enlarged() -> None:
    (crop,) = marking_crops({"a.png": [BOX]})
    image = np.zeros((200, 300, 3), np.float32)
    image[100, 120] = 1
    shown = crop.sample(image)[..., 0]
    weights = shown / shown.sum()
    rows, columns = np.mgrid[:CROP_SIDE, :CROP_SIDE]
    seen = np.array([(weights * columns).sum(), (weights * rows).sum()])
    assert crop.to_photograph(seen) == pytest.approx([120, 100], abs=0.02)
    assert crop.factor == pytest.approx(800 / 120)


def test_crops_are_written_and_marks_come_back(listed: Path, tmp_path: Path, capsys) -> None:
    photos, out = tmp_path / "photos", tmp_path / "marking"
    arguments = [str(photos), "--hands", str(listed)]
    assert main(["mark", "crops", *arguments, "--out", str(out)]) == 0
    assert cv2.imread(str(out / "000.png")).shape == (CROP_SIDE, CROP_SIDE, 3)
    page = (out / "mark.html").read_text()
    assert '"a.png#0"' in page and "/*" not in page and '"wrist"' in page
    capsys.readouterr()
    marks = _marks(tmp_path / "marks.csv")
    assert main(["mark", "read", *arguments, "--marks", str(marks)]) == 0
    (hand,) = yaml.safe_load(capsys.readouterr().out)["photos"]["a.png"]
    assert hand["right"] is False
    # 800 pixels show 120, from (60, 40) on.
    expected = np.array([(10 * k + 0.5, 400.5 + 20 * k) for k in range(21)]) * 0.15 + (59.5, 39.5)
    assert np.allclose(hand["uv"], expected, atol=0.051)


def test_two_passes_are_compared(listed: Path, tmp_path: Path, capsys) -> None:
    marks, again = _marks(tmp_path / "1.csv"), _marks(tmp_path / "2.csv", shift=8)
    arguments = ["mark", "read", str(tmp_path / "photos"), "--hands", str(listed)]
    assert main([*arguments, "--marks", str(marks), "--again", str(again)]) == 0
    assert "1 hands marked twice: 2.00 % of the box apart" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hand": "b.png#0"}, "no hand b.png#0"),
        ({"count": 22}, "keypoint 21"),
        ({"count": 20 - MOST_MISSING}, f"{MOST_MISSING + 1} of a.png#0's keypoints are missing"),
    ],
)
def test_marks_that_do_not_fit_are_refused(
    listed: Path, tmp_path: Path, capsys, changes: dict, message: str
) -> None:
    marks = _marks(tmp_path / "marks.csv", **changes)
    arguments = [str(tmp_path / "photos"), "--hands", str(listed), "--marks", str(marks)]
    assert main(["mark", "read", *arguments]) != 0
    assert message in capsys.readouterr().err

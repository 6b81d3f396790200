"""Photographs of people with boxes drawn by hand, and how answers are counted."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from hand_pose_25d.cli import main
from hand_pose_25d_train.evaluation.project.people import BOXES, Count, boxed_photos, fits

BOX = (100.0, 50.0, 40.0, 20.0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (BOX, True),
        ((93, 50, 40, 20), True),
        ((71, 50, 40, 20), False),  # its middle lies more than a fifth beside the box
        ((100, 75, 40, 20), False),
        ((112, 55, 15, 10), False),  # a finger
        ((112, 52, 17, 16), True),
        ((60, 10, 120, 100), False),  # an arm
    ],
)
def test_what_is_about_a_hand(answer: tuple, expected: bool) -> None:
    assert fits(BOX, answer) == expected


def test_a_hand_found_twice_counts_once() -> None:
    count = Count()
    count.add([BOX, (300, 50, 40, 20)], [BOX, (102, 51, 40, 20), (500, 500, 40, 40)])
    count.add([], [(0, 0, 10, 10)])
    assert count == Count(boxed=2, found=1, false_positives=2)


def test_the_boxes_lie_in_their_photographs() -> None:
    document = yaml.safe_load(BOXES.read_text())
    boxes = np.array([b for of in document["photographs"].values() for b in of])
    assert len(boxes) == 28
    assert (boxes[:, 2:] - boxes[:, :2] >= 20).all() and (boxes[:, 2:] - boxes[:, :2] <= 160).all()
    assert boxes.min() >= 0 and boxes.max() <= document["longer_side"]


def test_photographs_are_shown_as_large_as_they_were_boxed(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((200, 400, 3), (10, 20, 30), np.uint8))
    file = tmp_path / "boxes.yaml"
    file.write_text("longer_side: 100\nphotographs:\n  a.png: [[10, 5, 30, 45]]\n")
    ((image, boxes),) = boxed_photos(tmp_path, file)
    assert image.shape == (50, 100, 3) and image[5, 5].tolist() == [30, 20, 10]
    assert boxes == [(10, 5, 20, 40)]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, FileNotFoundError, "no such photograph: .*a.png"),
        (b"no image", ValueError, "a.png is not an image"),
    ],
)
def test_missing_photographs_are_named(
    tmp_path: Path, content: bytes | None, error: type, message: str
) -> None:
    (tmp_path / "boxes.yaml").write_text("longer_side: 100\nphotographs:\n  a.png: []\n")
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(error, match=message):
        list(boxed_photos(tmp_path, tmp_path / "boxes.yaml"))


def test_the_command_prints_detector_and_chain(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((96, 128, 3), np.uint8))
    (tmp_path / "boxes.yaml").write_text(
        "longer_side: 128\nphotographs:\n  a.png: [[10, 5, 30, 45]]\n"
    )
    assert main(["evaluate", "people", "--photos", str(tmp_path),
                 "--boxes", str(tmp_path / "boxes.yaml"), "--threshold", "0.9"]) == 0  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "| detector at 0.90 | 0 | 1 | 0 |",
        "| detector at 0.90, with the pose network | 0 | 1 | 0 |",
    ]

"""Hands found in whole photographs: what counts as found, beside, small, sure, and how far off."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hands_2d import hand_at

from hand_pose_25d.cli import main
from hand_pose_25d.geometry.boxes import box_around
from hand_pose_25d_train.datasets.held_out import held_out
from hand_pose_25d_train.evaluation.project.photo_boxes import marked_hands, photo_truths
from hand_pose_25d_train.evaluation.project.photo_counts import (
    Answer,
    PhotoCount,
    PhotoTruth,
    matched,
    touching_pairs,
)

IMAGE = np.zeros((480, 640, 3), np.uint8)
LEFT, RIGHT = hand_at(200, 200, 100.0), hand_at(290, 200, 100.0)


def _truth(*hands: np.ndarray, **known: list) -> PhotoTruth:
    right = known.pop("right", [None] * len(hands))
    fields = {"doubtful": [], "marks": [], **known}
    return PhotoTruth("a.jpg", IMAGE, [box_around(uv) for uv in hands], right=right, **fields)


def _answer(uv: np.ndarray, is_right: bool = True, score: float = 0.9) -> Answer:
    return Answer(uv, is_right, score)


def test_touching_hands_have_an_answer_each() -> None:
    near = LEFT + (40, 0)
    hands = [box_around(LEFT), box_around(near)]
    answers = [box_around(near + 3), box_around(LEFT - 3)]
    assert matched(hands, answers) == {0: 1, 1: 0}
    assert matched(hands, answers[:1]) == {1: 0}


def test_both_hands_of_a_touching_pair_are_counted() -> None:
    near = LEFT + (40, 0)
    assert touching_pairs([box_around(uv) for uv in (LEFT, near, RIGHT + (200, 0))]) == [(0, 1)]
    assert touching_pairs([]) == []
    count = PhotoCount()
    count.add(_truth(LEFT, near), [_answer(near), _answer(LEFT)])
    count.add(_truth(LEFT, near), [_answer(near)])
    count.add(_truth(LEFT, RIGHT + (200, 0)), [_answer(LEFT)])
    assert (count.pairs_found, count.pairs) == (1, 2)
    assert " | 1 of 2 | " in count.row()


def test_answers_are_counted() -> None:
    small = hand_at(500, 300, 40.0)
    count = PhotoCount()
    count.add(
        _truth(LEFT, RIGHT, small, doubtful=[box_around(hand_at(80, 400))], right=[True, None, 0]),
        [
            _answer(LEFT, True, 0.99),
            _answer(small, True, 0.97),  # a left hand, for sure a right one
            _answer(hand_at(80, 400)),  # may be one
            _answer(hand_at(560, 80)),
        ],
    )
    assert (count.hands, count.found, count.small, count.small_found) == (3, 2, 1, 1)
    assert (count.images, count.beside) == (1, 1)
    assert count.handedness == [True, False] and count.sure_handedness == [True, False]
    count.add(_truth(RIGHT), [])
    assert (count.images, count.hands, count.found) == (2, 4, 2)
    assert "50.0 of 4" in count.row()


def test_distances_are_to_marks_that_are_seen() -> None:
    mark = LEFT.copy()
    mark[3] = np.nan
    count = PhotoCount()
    count.add(_truth(LEFT, marks=[mark, RIGHT]), [_answer(LEFT + (3, 4))])
    side = np.ptp(LEFT, axis=0).max()
    assert count.distances == pytest.approx([100 * 5 / side])
    assert count.marked == 2


def _write(folder: Path, labels: Path) -> None:
    folder.mkdir()
    for name in ("book_001.jpg", "yes_001.jpg"):  # held out, trained on
        cv2.imwrite(str(folder / name), IMAGE)
    np.savez(
        labels,
        names=np.array(["book_001.jpg"]), uv=LEFT[None], is_right=np.array([True]),
        box_names=np.array(["book_001.jpg", "book_001.jpg"]),
        boxes=np.array([(10, 20, 30, 40), (300, 20, 30, 40)]), box_certain=np.array([True, False]),
        photographs=np.array(["book_001.jpg", "yes_001.jpg"]),
    )  # fmt: skip


def test_held_out_photographs_are_judged(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder, labels = tmp_path / "signers_office", tmp_path / "x.npz"
    _write(folder, labels)
    (truth,) = photo_truths(folder, labels)
    assert truth.name == "book_001.jpg"
    assert truth.hands == [pytest.approx(box_around(LEFT)), (10, 20, 30, 40)]
    assert truth.doubtful == [(300, 20, 30, 40)] and truth.right == [True, None]
    assert len(list(photo_truths(folder, labels, every=True))) == 2
    assert main(["evaluate", "boxes", "--photos", f"{folder}={labels}"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "| " in line]
    assert [row[1] for row in rows[1:]] == ["accurate", "accurate"]
    assert rows[1][2:4] == ["1", "0.0 of 2"]  # black images
    command = ["evaluate", "boxes", "--photos", f"{folder}={labels}", "--detector", "detector"]
    assert main(command) == 0
    assert "| accurate behind detector |" in capsys.readouterr().out


def test_labels_without_boxes_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", names=np.array(["a.jpg"]))
    with pytest.raises(ValueError, match="--consensus"):
        next(photo_truths(tmp_path, tmp_path / "x.npz"))


def test_marks_of_the_project_are_hands_of_held_out_photographs() -> None:
    counts = {}
    for folder in ("gloves_and_egocentric", "signer_dim_room", "signers_office"):
        marks = marked_hands(folder)
        assert held_out(folder, list(marks)).all()
        counts[folder] = [len(hands) for hands in marks.values()]
        for uv in (uv for hands in marks.values() for uv in hands):
            assert uv.shape == (21, 2) and np.isfinite(uv).all(-1).sum() >= 9
            assert np.nanmin(uv) > 0 and np.nanmax(uv) < 640
    assert counts == {
        "gloves_and_egocentric": [1] * 28,
        "signer_dim_room": [2, 1, 1, 1, 2, 1, 1, 1],
        "signers_office": [1, 1],
    }
    assert marked_hands("no_such_folder") == {}

"""The tracking evaluation around a clip: who is there, ids for those without, clips found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hands_2d import hand_at

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.clips import Clip
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d_train.evaluation.project.tracking import (
    Linker,
    clips_of,
    evaluate_tracking,
    tracking_row,
    true_hands,
)
from hand_pose_25d_train.evaluation.project.tracking_metrics import ReportedHand

CAMERA = Camera(600, 600, 320, 240, 640, 480)


def clip_of(hands: list[list[LabelledHand]]) -> Clip:
    return Clip(Path("none.mp4"), CAMERA, 20.0, np.arange(len(hands)) / 20, hands)


def hand(u: float, visible: float = 1.0, hand_id: int = 0) -> LabelledHand:
    visibility = np.arange(21) < 21 * visible
    return LabelledHand(np.zeros((21, 3)), hand_at(u, 240), visibility, True, hand_id)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (hand(300), [True]),
        (hand(300, visible=0.2), [False]),
        (hand(650), [False]),  # its palm is outside, its fingers are not
        (hand(900), []),
    ],
)
def test_who_is_there(seen: LabelledHand, expected: list[bool]) -> None:
    assert [t.asked for t in true_hands(clip_of([[seen]]), 0)] == expected


def test_linker_follows_by_nearness() -> None:
    link = Linker()
    assert link([hand_at(100, 100), hand_at(400, 100)]) == [1, 2]
    assert link([hand_at(390, 100), hand_at(110, 100)]) == [2, 1]
    assert link([hand_at(380, 100)]) == [2]
    assert link([hand_at(380, 100), hand_at(110, 100)]) == [2, 3], "1 was gone"


def test_evaluate_and_row() -> None:
    clip = clip_of([[hand(200 + i)] for i in range(10)])

    def follow(given: Clip):
        assert given is clip
        for i in range(10):
            yield [ReportedHand(1, hand_at(200 + i, 240), True)] if i >= 2 else []

    summary = evaluate_tracking(follow, [clip])
    assert (summary.misses, summary.switches, summary.times_to_detect) == (2, 0, (2,))
    assert tracking_row("ours", summary).startswith("| ours | 10 | 10 | 2 | 0 | 0 | 0 | 80.0 |")


def test_clips_are_found_by_folder_and_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no clips"):
        clips_of([tmp_path])
    with pytest.raises(FileNotFoundError, match="missing.json"):
        clips_of([tmp_path / "missing.mp4"])

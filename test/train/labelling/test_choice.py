"""labelling/{choice,records,sheet_command}.py and datasets/held_out.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hands_2d import hand_at

from hand_pose_25d_train.datasets.held_out import held_out
from hand_pose_25d_train.datasets.photos import load_photos
from hand_pose_25d_train.labelling.choice import choose, read_dropped, write_labels
from hand_pose_25d_train.labelling.records import read_boxes, read_records
from hand_pose_25d_train.labelling.sheet_command import label_tiles, write_sheets

UV = hand_at(160, 120, 100.0)
BOX = (130.0, 60.0, 80.0, 105.0)


def _found(uv: np.ndarray = UV, **changes: Any) -> dict[str, Any]:
    hand = {
        "uv": uv.tolist(), "world": np.zeros((21, 3)).tolist(), "right": True,
        "p_right": [0.9, 0.8], "presence": [0.98, 0.9], "spread": [0.02, 0.01],
        "disagreement": 0.03, "sources": ["detector", "hands"], "given": -1, "given_iou": 0.0,
    }  # fmt: skip
    return {**hand, **changes}


def _record(*hands: dict[str, Any], boxes: tuple = ()) -> dict[str, Any]:
    return {"name": "a.jpg", "width": 320, "height": 240, "boxes": boxes, "hands": list(hands)}


@pytest.mark.parametrize(
    ("changes", "labels", "boxes"),
    [
        ({}, 1, []),
        ({"disagreement": 0.07}, 0, [True]),  # both networks see a hand, in another pose
        ({"spread": [0.02, 0.1]}, 0, [True]),  # another pose from crop to crop
        ({"p_right": [0.9, 0.2]}, 0, [True]),  # another handedness
        ({"sources": ["detector"]}, 0, [False]),  # nobody else found it: it may be one
        ({"presence": [0.9, 0.2]}, 0, [True]),
        ({"presence": [0.3, 0.3]}, 0, [False]),
        ({"presence": [0.2, 0.1]}, 0, []),  # it is none
    ],
)
def test_labels_are_what_all_agree_on(
    changes: dict[str, Any], labels: int, boxes: list[bool]
) -> None:
    chosen, doubtful = choose(_record(_found(**changes)), 0.06)
    assert (len(chosen), [d.certain for d in doubtful]) == (labels, boxes)
    if chosen:
        assert np.allclose(chosen[0].uv, UV)
    for box in doubtful:
        assert box.box == pytest.approx((*UV.min(0), *np.ptp(UV, axis=0)))


def test_a_given_box_is_a_second_finder_and_stays_where_it_is_empty() -> None:
    empty = (10.0, 10.0, 50.0, 50.0)
    hand = _found(sources=["box"], given=0, given_iou=0.7)
    chosen, doubtful = choose(_record(hand, boxes=(BOX, empty)), 0.06)
    assert len(chosen) == 1
    assert [(d.box, d.certain) for d in doubtful] == [(empty, True)]


def test_one_hand_is_labelled_once() -> None:
    chosen, doubtful = choose(_record(_found(), _found(UV + 3)), 0.06)
    assert (len(chosen), len(doubtful)) == (1, 0)


def test_what_was_found_wrong_by_eye_is_a_box(tmp_path: Path) -> None:
    file = tmp_path / "wrong.txt"
    file.write_text("# signs\na.jpg#1 # the face\n\n")
    dropped = read_dropped(file)
    assert dropped == {"a.jpg#1"}
    hands = _found(), _found(UV + 90)
    chosen, doubtful = choose(_record(*hands), 0.06, dropped)
    assert np.allclose([h.uv for h in chosen], [UV])
    assert len(doubtful) == 1
    assert choose(_record(*hands), 0.06, frozenset({"a.jpg"}))[0] == []


def test_an_interrupted_labelling_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    line = json.dumps(_record(_found()))
    file.write_text(f"{line}\n{line[: len(line) // 2]}")
    assert [record["name"] for record in read_records(file)] == ["a.jpg"]
    assert read_records(tmp_path / "none.jsonl") == []


def test_boxes_are_read_and_a_missing_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "boxes.csv"
    file.write_text("file,x,y,width,height,class\na.jpg,1,2,3.5,4,0\na.jpg,5,6,7,8,1\n")
    assert read_boxes(file) == {"a.jpg": [(1, 2, 3.5, 4), (5, 6, 7, 8)]}
    file.write_text("file,x,y,width\na.jpg,1,2,3\n")
    with pytest.raises(ValueError, match=r"columns file, x, y, width, height"):
        read_boxes(file)


def test_labels_are_written_loaded_and_drawn(tmp_path: Path) -> None:
    folder, labels = tmp_path / "photos", tmp_path / "labels" / "photos.npz"
    folder.mkdir()
    image = np.full((240, 320, 3), (10, 120, 200), np.uint8)
    cv2.imwrite(str(folder / "a.png"), image)
    hands = _found(), _found(UV + 90, right=False), _found(UV - 60, presence=[0.4, 0.4])
    record = {**_record(*hands), "name": "a.png"}
    assert write_labels(labels, [record], 0.06) == (1, 2, 1)
    photos = load_photos(folder, labels, held_out=None)
    assert [photo.is_right for photo in photos] == [True, False]
    assert np.allclose(photos[1].uv, UV + 90, atol=1e-3)
    tiles = label_tiles(folder, labels, 64, boxes=False)
    assert np.array(tiles).shape == (2, 64, 64, 3)
    assert (tiles[0] != (200, 120, 10)).any(-1).mean() > 0.05  # bones
    boxes = label_tiles(folder, labels, 64, boxes=True)
    assert len(boxes) == 1
    pages = write_sheets(tiles + boxes, tmp_path / "sheets" / "x", columns=2, rows=1)
    assert [page.name for page in pages] == ["x-00.png", "x-01.png"]
    assert cv2.imread(str(pages[0])).shape == (64, 128, 3)
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        label_tiles(tmp_path, labels, 64, boxes=False)


def test_people_and_places_are_held_out_by_the_names_of_their_photographs() -> None:
    names = ["1596474118.jpg", "1596291465.jpg", "IMG_3882_JPG.jpg", "IMG20220224.jpg"]
    assert held_out("gloves_and_egocentric", names).tolist() == [True, False, True, False]
    assert held_out("signer_dim_room", names).all()
    assert not held_out("signer_compressed", names).any()


def test_folders_without_people_hold_out_two_ranges_of_numbers() -> None:
    names = [f"{i % 10}_IMG_{2000 - i}.jpg" for i in range(200)]
    held = held_out("some_folder", names)
    assert held.sum() == 20
    numbers = sorted(2000 - i for i in np.flatnonzero(held))
    assert (np.diff(numbers) > 1).sum() == 1


def test_a_rule_without_names_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("photos: {people: [a]}\n")
    with pytest.raises(ValueError, match="photos needs a list of names"):
        held_out("photos", ["a.jpg"], file)

"""CSV and COCO-WholeBody's hands: what a reader finds in them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from dot_hands import make_hand
from seen_hands import CAMERA, hand_pose

from hand_pose_25d.io.json import camera_to_dict
from hand_pose_25d.io.tables import TABLES, csv_columns, write_table
from hand_pose_25d.skeleton import KEYPOINT_NAMES

RIGHT = hand_pose(make_hand((0.05, 0.0, 0.6)), track_id=1)
LEFT = hand_pose(make_hand((-0.05, 0.0, 0.7), right=False), track_id=2, handedness="left")
HOLES = np.where(np.arange(21)[:, None] == 8, np.nan, LEFT.keypoints_2d)
LOST = hand_pose(make_hand(), state="lost", track_id=3)
IMAGES = [
    {"name": "a.png", "stamp": 0.5, "camera": camera_to_dict(CAMERA),
     "hands": [RIGHT.to_dict(), LEFT.to_dict() | {"keypoints_2d": [
         [None, None] if np.isnan(u) else [u, v] for u, v in HOLES.tolist()]}]},
    {"name": "b.png", "stamp": 0.6, "camera": camera_to_dict(CAMERA), "hands": []},
    {"name": "c.png", "stamp": 0.7, "camera": camera_to_dict(CAMERA), "hands": [LOST.to_dict()]},
]  # fmt: skip


def test_a_row_a_hand(tmp_path):
    write_table("csv", IMAGES, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a.png", "a.png", "c.png"]
    assert list(rows[0]) == csv_columns() and len(csv_columns()) == 13 + 9 * 21
    first, second, _ = rows
    assert (first["stamp"], first["track_id"], first["handedness"]) == ("0.5", "1", "right")
    for k, name in enumerate(KEYPOINT_NAMES):
        point = [float(first[f"{name}_{axis}"]) for axis in "xyz"]
        assert point == pytest.approx(RIGHT.keypoints[k], abs=1e-5)
        pixel = [float(first[f"{name}_{axis}"]) for axis in "uv"]
        assert pixel == pytest.approx(RIGHT.keypoints_2d[k], abs=0.01)
        assert float(first[f"{name}_sz"]) == pytest.approx(0.01)
    assert second["index_tip_u"] == "" and second["index_tip_x"] != ""


def test_hands_as_coco_wholebody_has_them(tmp_path):
    write_table("coco", IMAGES, tmp_path / "x.json")
    data = json.loads((tmp_path / "x.json").read_text())
    assert [(i["id"], i["file_name"], i["width"]) for i in data["images"]] == [
        (1, "a.png", 640), (2, "b.png", 640), (3, "c.png", 640)
    ]  # fmt: skip
    right, left = data["annotations"]
    assert {a["image_id"] for a in data["annotations"]} == {1}
    assert right["righthand_valid"] and not right["lefthand_valid"]
    assert left["lefthand_valid"] and not left["righthand_valid"]
    marked = np.array(right["righthand_kpts"]).reshape(21, 3)
    assert marked[:, :2] == pytest.approx(RIGHT.keypoints_2d, abs=0.01)
    assert (marked[:, 2] == 2).all() and not np.any(right["lefthand_kpts"])
    assert np.array(left["lefthand_kpts"]).reshape(21, 3)[8] == pytest.approx([0, 0, 0])
    assert right["righthand_box"] == right["bbox"] == pytest.approx(RIGHT.box, abs=0.01)
    assert np.array(right["keypoints_3d"]) == pytest.approx(RIGHT.keypoints, abs=1e-5)
    for annotation in data["annotations"]:
        lengths = {k: len(v) for k, v in annotation.items() if k.endswith("_kpts")}
        assert lengths == {
            "foot_kpts": 18, "face_kpts": 204, "lefthand_kpts": 63, "righthand_kpts": 63
        }  # fmt: skip
        assert len(annotation["keypoints"]) == 51 and annotation["num_keypoints"] == 0
        assert annotation["area"] == pytest.approx(annotation["bbox"][2] * annotation["bbox"][3])


def test_another_format_is_named(tmp_path):
    with pytest.raises(ValueError, match="one of csv, coco, got 'xml'"):
        write_table("xml", IMAGES, tmp_path / "x")
    assert list(TABLES) == ["csv", "coco"]

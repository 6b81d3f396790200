"""CSV and COCO beside a recording's Parquet file: the same hands."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from recordings_made import clip_images, write_video

from hand_pose_25d.archive.exports import FORMATS
from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.parquet import read_rows
from hand_pose_25d.archive.process import Processor
from hand_pose_25d.archive.settings import ProcessSettings


def test_the_tables_have_the_files_hands(tmp_path):
    assert FORMATS == ("jsonl", "mcap", "csv", "coco")
    video = write_video(tmp_path / "clip.mp4", clip_images(5, 40))
    (unit,) = find_units([video])
    settings = ProcessSettings(field_of_view=60.0)
    outcome = Processor(settings, tmp_path / "hands", ("csv", "coco"))(unit)
    assert outcome.status == "done"
    rows = [row for row in read_rows(tmp_path / "hands/clip.parquet") if row["track_id"]]
    with (tmp_path / "hands/clip.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(rows) >= 5
    for row, line in zip(rows, table, strict=True):
        assert (line["track_id"], line["state"]) == (str(row["track_id"]), row["state"])
        assert float(line["stamp"]) == pytest.approx(row["stamp_ns"] * 1e-9)
        if row["state"] != "lost":
            found = [float(line[f"wrist_{axis}"]) for axis in "xyz"]
            assert found == pytest.approx(row["keypoints"][:3], abs=1e-5)
    data = json.loads((tmp_path / "hands/clip.coco.json").read_text())
    seen = [row for row in rows if row["state"] != "lost"]
    assert len(data["annotations"]) == len(seen) and len(data["images"]) == 5
    for row, annotation in zip(seen, data["annotations"], strict=True):
        marked = np.array(annotation[f"{row['handedness']}hand_kpts"]).reshape(21, 3)
        assert marked[:, :2].ravel() == pytest.approx(row["keypoints_2d"], abs=0.01)
        assert data["images"][annotation["image_id"] - 1]["file_name"] == row["frame_name"]

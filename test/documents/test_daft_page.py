"""The Daft class of docs/archive.md runs, and writes what `process` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from recordings_made import clip_images, write_video

from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.process import Processor
from hand_pose_25d.archive.settings import ProcessSettings

PAGE = Path(__file__).parents[2] / "docs/archive.md"


def test_the_class_on_the_page_runs(tmp_path, monkeypatch):
    daft = pytest.importorskip("daft")
    (block,) = re.findall(
        r"```python\n(.*?@daft\.cls.*?)```", PAGE.read_text().split("in Daft")[1], re.S
    )
    (tmp_path / "daft_page.py").write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    import daft_page

    images = clip_images(3, 40)
    videos = [write_video(tmp_path / f"{i}.mp4", images[i:]) for i in range(2)]
    table = daft_page.hands_of([str(v) for v in videos], str(tmp_path / "hands")).collect()
    assert table.to_pydict()["status"] == ["done", "done"]
    processor = Processor(ProcessSettings(field_of_view=60.0), tmp_path / "alone")
    for unit in find_units(videos):
        processor(unit)
        name = f"{unit.name}.parquet"
        assert (tmp_path / "hands" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    rows = daft.read_parquet(str(tmp_path / "hands/*.parquet")).to_pydict()
    assert len(rows["track_id"]) >= 5

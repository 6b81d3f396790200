"""The Daft class of docs/archive.md runs, and writes what `process` writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from recordings_made import clip_images, write_video

from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.process import Processor
from hand_pose_25d.archive.settings import ProcessSettings

PAGE = Path(__file__).parents[2] / "docs/archive.md"
RUN = """
import sys
hands, *videos = sys.argv[1:]
assert hands_of(videos, hands).collect().to_pydict()["status"] == ["done", "done"]
print(len(daft.read_parquet(f"{hands}/*.parquet").to_pydict()["track_id"]))
"""
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "DAFT_ANALYTICS_ENABLED": "0", "DAFT_PROGRESS_BAR": "0"}


@pytest.mark.skipif(find_spec("daft") is None, reason="daft is not installed: pip install daft")
def test_the_class_on_the_page_runs(tmp_path):
    """In a process of its own, which its threads do not outlive."""
    (block,) = re.findall(
        r"```python\n(.*?@daft\.cls.*?)```", PAGE.read_text().split("in Daft")[1], re.S
    )
    (tmp_path / "daft_page.py").write_text(block + RUN)
    images = clip_images(3, 40)
    videos = [write_video(tmp_path / f"{i}.mp4", images[i:]) for i in range(2)]
    run = subprocess.run(
        [sys.executable, "daft_page.py", "hands", *(video.name for video in videos)],
        cwd=tmp_path, env=os.environ | ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) >= 5
    processor = Processor(ProcessSettings(field_of_view=60.0), tmp_path / "alone")
    for unit in find_units(videos):
        processor(unit)
        name = f"{unit.name}.parquet"
        assert (tmp_path / "hands" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()

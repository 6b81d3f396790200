"""docs/archive.md has the columns of the file, as the code has them."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

from hand_pose_25d.archive.parquet import RowWriter
from hand_pose_25d.archive.schema import ALL_COLUMNS, SCHEMA_VERSION, Column

PAGE = Path(__file__).parents[2] / "docs/archive.md"


def kind(column: Column) -> str:
    if column.size:
        return f"list of {column.size} float"
    if pa.types.is_dictionary(column.type):
        return str(column.type.value_type)
    if pa.types.is_list(column.type):
        return f"list of {column.type.value_type}"
    return str(column.type)


def test_the_page_lists_every_column_with_its_type_unit_and_meaning():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) ?\| (.*?) \|$", PAGE.read_text(), re.M)
    expected = [(c.name, kind(c), c.unit, c.meaning) for c in ALL_COLUMNS]
    assert rows == expected
    assert f"`schema_version` ({SCHEMA_VERSION};" in PAGE.read_text()


def test_the_writer_takes_every_column(tmp_path):
    with RowWriter(tmp_path / "x.parquet") as writer:
        writer.write([{"recording": "x", "frame_index": 0, "distortion": []}])
        writer.flush()
    assert writer.count == 1

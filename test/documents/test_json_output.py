"""docs/json_output.md lists the fields that the commands write, and no others."""

from __future__ import annotations

import json
import re

import pytest
from pages import ROOT, text

from hand_pose_25d.cli import main

CLIP = str(ROOT / "hand_pose_25d/demo_data/hands.mp4")
LISTS = {"images": "image", "hands": "hand"}
ROW = re.compile(r"^\| `([\w.]+)` \| (.+) \|$", re.MULTILINE)
FRAMES = 9  # the bundled clip's first hand is there by then


def fields(value: object, name: str = "") -> set[str]:
    """Return the fields of a record as the page writes them: image.hands, hand.box, camera.fx."""
    if isinstance(value, list):
        return set().union(*(fields(item, name) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        found.add(f"{name}.{key}".strip("."))
        found |= fields(inner, LISTS.get(key, key))
    return found


@pytest.fixture(scope="module")
def page() -> dict[str, str]:
    """Return the rest of each field's row."""
    return dict(ROW.findall(text("docs/json_output.md")))


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("records")
    common = ["--frames", str(FRAMES), "--device", "cpu"]
    estimate = ["estimate", CLIP, "--focal", "560", "--no-overlay"]
    assert main([*estimate, "-o", str(folder / "a"), *common]) == 0
    assert main(["demo", CLIP, "-o", str(folder / "b"), *common]) == 0
    files = {"estimate": folder / "a/hands.json", "hands.json": folder / "b/hands.json"}
    return {name: json.loads(file.read_text()) for name, file in files.items()}


def columns(page: dict[str, str], written_by: str) -> set[str]:
    """Return the page's fields without those that only the other file has."""
    others = {"estimate": "`hands.json`", "hands.json": "`estimate`"}
    return {name for name, row in page.items() if f"| {others[written_by]} |" not in row}


@pytest.mark.parametrize("written_by", ["estimate", "hands.json"])
def test_the_page_lists_what_is_written(page, records, written_by):
    assert fields(records[written_by]) == columns(page, written_by)


def test_numbers_and_lists_have_the_types_and_lengths_of_the_page(page, records):
    hands = [hand for image in records["estimate"]["images"] for hand in image["hands"]]
    assert hands
    for hand in hands:
        for name, value in hand.items():
            kind = page[f"hand.{name}"].split("|")[0].strip()
            if lists := re.match(r"(\d+) lists of (\d+)", kind):
                assert [len(row) for row in value] == [int(lists[2])] * int(lists[1]), name
            elif length := re.match(r"list of (\d+)", kind):
                assert len(value) == int(length[1]), name
            else:
                types = {"string": str, "number": float, "integer": int, "object": dict}
                assert isinstance(value, types[kind]), name

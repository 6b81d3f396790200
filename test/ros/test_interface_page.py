"""The page of the interface and the parameters file list what the node declares."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hand_pose_25d.ros.images import ENCODINGS
from hand_pose_25d.ros.parameters import PARAMETERS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/ros_interface.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells
    for line in PAGE.split("## Parameters")[1].split("## Faults")[0].splitlines()
    if line.startswith("| `") and len(cells := [c.strip() for c in line[1:-1].split("|")]) == 5
}


def test_the_page_lists_the_declared_parameters():
    assert sorted(ROWS) == sorted(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_defaults_ranges_and_meaning(name):
    spec, (_, default, allowed, at_once, text) = PARAMETERS[name], ROWS[name]
    shown = str(spec.default).lower() if isinstance(spec.default, bool) else str(spec.default)
    assert default == (shown or "(empty)")
    assert at_once == ("yes" if spec.runtime else "no")
    assert text == spec.description
    if spec.choices:
        assert allowed == ", ".join(spec.choices)
    elif spec.least is not None:
        either = "0, " if spec.unset and spec.least else ""
        assert allowed.startswith(either)
        low, high = allowed.removeprefix(either).split(" to ")
        assert (float(low), float(high)) == (spec.least, spec.most)
    else:
        assert allowed in ("text", "true, false")


def test_the_parameters_file_has_the_defaults():
    values = yaml.safe_load((ROOT / "config/hand.yaml").read_text())["/**"]["ros__parameters"]
    assert values == {name: spec.default for name, spec in PARAMETERS.items()}


def test_the_page_names_every_encoding():
    text = PAGE.replace("bayer_{rggb,bggr,gbrg,grbg}{8,16}", "")
    named = set(re.findall(r"[A-Za-z0-9_]+", text))
    assert {e for e in ENCODINGS if not e.startswith("bayer")} <= named


@pytest.mark.parametrize(
    "name", ["hands", "gestures", "depth", "/tf", "markers", "debug_image", "/diagnostics",
             "image", "image/compressed", "camera_info", "detections", "~/calibrate", "~/reset"],
)  # fmt: skip
def test_the_page_names_every_topic_and_service(name):
    assert f"| `{name}` |" in PAGE

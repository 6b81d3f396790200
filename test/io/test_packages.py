"""What is said to install is what pyproject.toml has."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from hand_pose_25d.io.packages import APART, MODULES, advice

if sys.version_info < (3, 11):
    pytest.skip("tomllib comes with Python 3.11", allow_module_level=True)
import tomllib

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def packages(extra: str) -> set[str]:
    """Return the packages of an extra, of those in it, too; "": what is required."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found: set[str] = set()
    for line in lines:
        if inner := re.match(r"hand-pose-25d\[(.+)\]", line):
            found = found.union(*map(packages, inner[1].split(",")))
        else:
            found.add(re.split(r"[<>=;\[ ]", line)[0])
    return found


@pytest.mark.parametrize("module", MODULES)
def test_packages_are_where_they_are_said_to_be(module: str) -> None:
    package, extras = MODULES[module]
    for extra in extras or ("",):
        assert package in packages(extra)
    assert extras == () or package not in packages("")


@pytest.mark.parametrize(
    ("module", "extra", "expected"),
    [
        ("cv2", "", "pip install opencv-python-headless"),
        ("yaml", "archive", "pip install pyyaml"),
        ("torch", "onnx,torch", "pip install 'hand-pose-25d[onnx,torch]'"),
        ("moderngl", "train", "pip install 'hand-pose-25d[render]'"),
        ("rerun", "view", "pip install 'hand-pose-25d[view]'"),
        ("rosbags.highlevel", "archive", "pip install 'hand-pose-25d[archive]'"),
        ("mediapipe", "train", APART["mediapipe"]),
        ("absl", "train", "pip install 'hand-pose-25d[train]'"),
        ("unheard_of", "", "pip install unheard_of"),
    ],
)
def test_the_advice_names_package_or_extra(module: str, extra: str, expected: str) -> None:
    assert advice(module, extra) == expected

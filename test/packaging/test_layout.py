"""The house: small modules, few files in each package's root, tests where the modules are."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("hand_pose_25d", "hand_pose_25d_train")
MODULES = [path for package in PACKAGES for path in sorted(ROOT.glob(f"{package}/**/*.py"))]


def test_no_module_has_more_than_250_lines():
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > 250} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_packages_root_has_at_most_ten_files(package):
    files = [path.name for path in (ROOT / package).iterdir() if path.is_file()]
    assert len(files) <= 10, sorted(files)


def test_every_module_says_what_it_is():
    silent = [path for path in MODULES if path.name != "__init__.py"
              and not path.read_text().startswith('"""')]  # fmt: skip
    assert silent == []


def test_tests_lie_in_the_folders_of_the_modules():
    mirrored = {path.name for path in (ROOT / "hand_pose_25d").iterdir() if path.is_dir()}
    others = {"campaign", "documents", "packaging", "train"}
    folders = {path.name for path in (ROOT / "test").iterdir() if any(path.glob("**/test_*.py"))}
    assert folders - others <= mirrored
    workshop = {path.name for path in (ROOT / "hand_pose_25d_train").iterdir() if path.is_dir()}
    tested = {
        path.name for path in (ROOT / "test/train").iterdir() if any(path.glob("**/test_*.py"))
    }
    assert tested <= workshop


def test_no_two_test_files_have_one_name():
    """pytest imports them by their names alone, and `-m campaign` collects all folders."""
    names = [path.name for path in (ROOT / "test").rglob("test_*.py")]
    assert len(names) == len(set(names)) > 100

"""What pyproject.toml, package.xml and the files beside them say agrees, and is all there."""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

import hand_pose_25d

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PYTHONS = ["3.10", "3.11", "3.12"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGE = ElementTree.parse(ROOT / "package.xml").getroot()


def names(requirements: list[str]) -> set[str]:
    """The packages of requirements, the project's own extras resolved."""
    found = set()
    for requirement in requirements:
        own = re.fullmatch(r"hand-pose-25d\[(.+)\]", requirement)
        if own:
            for extra in own[1].split(","):
                found |= names(PROJECT["project"]["optional-dependencies"][extra])
        else:
            found.add(re.match(r"[\w.-]+", requirement)[0].lower())
    return found


def test_the_version_is_the_same_everywhere():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PACKAGE.findtext("version") == hand_pose_25d.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == hand_pose_25d.__version__
    newest = re.search(r"^(\S+) \(.+\)\n-+$", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE)
    assert newest[1] == hand_pose_25d.__version__


def test_python_versions_are_the_same_everywhere():
    prefix = "Programming Language :: Python :: 3."
    classifiers = PROJECT["project"]["classifiers"]
    assert [f"3.{c[len(prefix) :]}" for c in classifiers if c.startswith(prefix)] == PYTHONS
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
    assert PROJECT["tool"]["mypy"]["python_version"] == PYTHONS[0]
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + PYTHONS[0].replace(".", "")
    setup = (ROOT / "scripts/setup.sh").read_text()
    low, high = (version.replace(".", ", ") for version in (PYTHONS[0], PYTHONS[-1]))
    assert f"({low}) <= sys.version_info[:2] <= ({high})" in setup
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["wheels"]["strategy"]["matrix"]["python"] == PYTHONS
    version = r"(3\.\d+)"
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        for first, last in re.findall(rf"Python {version} to {version}", document.read_text()):
            assert (first, last) == (PYTHONS[0], PYTHONS[-1]), document


def test_inference_needs_few_packages_and_no_torch():
    needed = names(PROJECT["project"]["dependencies"])
    assert needed == {
        "numpy", "onnxruntime", "opencv-python-headless", "pyyaml", "safetensors", "tqdm",
    }  # fmt: skip
    extras = PROJECT["project"]["optional-dependencies"]
    assert {"torch", "onnx", "motmetrics"} <= names(extras["train"])
    assert "rosbags" in names(extras["ros"])
    assert names(extras["train"]) | names(extras["render"]) | names(extras["docs"]) <= names(
        extras["dev"]
    )


@pytest.mark.parametrize("extra", PROJECT["project"]["optional-dependencies"])
def test_no_extra_brings_a_second_opencv(extra):
    """MediaPipe's wheel would: it requires opencv-contrib-python."""
    found = names(PROJECT["project"]["optional-dependencies"][extra])
    assert "mediapipe" not in found
    assert {name for name in found if name.startswith("opencv")} <= {"opencv-python-headless"}


def imported(files: list[Path]) -> set[str]:
    """The packages that files import, wherever in them."""
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.split(".")[0])
    return found


def test_package_xml_names_every_ros_package_that_is_imported():
    files = [*ROOT.glob("hand_pose_25d/**/*.py"), *ROOT.glob("launch/*.py")]
    # retarget_hand.py shows dex_retargeting, which a user brings.
    files += [ROOT / "examples/pinch.py"]
    apt = {"numpy": "python3-numpy", "cv2": "python3-opencv", "yaml": "python3-yaml"}
    apt["tqdm"] = "python3-tqdm"
    pip = {
        "av",
        "matplotlib",
        "mediapipe",
        "onnx",
        "onnxruntime",
        "openvino",
        "pyarrow",
        "ray",
        "rerun",
        "rosbags",
        "safetensors",
        "torch",
    }
    known = {*sys.stdlib_module_names, *pip, "hand_pose_25d", "hand_pose_25d_train"}
    wanted = {apt.get(name, name) for name in imported(files) - known}
    depends = {e.text for tag in ("depend", "exec_depend") for e in PACKAGE.findall(tag)}
    assert wanted <= depends
    assert {"rviz2", "rosidl_default_runtime", "cv_bridge"} <= depends


def test_package_xml_is_what_ros_accepts():
    package = pytest.importorskip("catkin_pkg.package", reason="catkin_pkg comes with colcon")
    described = package.parse_package(str(ROOT))
    described.validate()
    assert described.get_build_type() == "ament_cmake"
    assert described.licenses == ["Apache-2.0"]
    assert "example.com" not in described.maintainers[0].email


def test_packaged_files_are_there():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    for package, globs in patterns.items():
        for pattern in globs:
            assert list((ROOT / package).glob(pattern)), f"{package}/{pattern} matches nothing"


def test_setup_py_is_only_a_shim():
    tree = ast.parse((ROOT / "setup.py").read_text())
    assert ast.unparse(tree.body[-1]) == "setup()"

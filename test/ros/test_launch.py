"""The launch files: their arguments, and where `launch` is installed, what they start."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

LAUNCH = Path(__file__).resolve().parents[2] / "launch"
FILES = sorted(path.name for path in LAUNCH.glob("*.launch.py"))


def _arguments(name: str) -> list[tuple[str, str]]:
    """(name, description) of a file's ARGUMENTS, read without running it."""
    for node in ast.parse((LAUNCH / name).read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id == "ARGUMENTS":
            return [(row.elts[0].value, ast.literal_eval(row.elts[2])) for row in node.value.elts]
    raise AssertionError(f"{name} has no ARGUMENTS")


@pytest.mark.parametrize("name", FILES)
def test_every_argument_is_described(name: str) -> None:
    arguments = _arguments(name)
    assert len({argument for argument, _ in arguments}) == len(arguments) > 3
    for argument, description in arguments:
        assert description.endswith("."), f"{argument}: {description!r}"


def test_hand_launch_has_what_its_page_promises() -> None:
    names = {argument for argument, _ in _arguments("hand.launch.py")}
    wanted = {"image", "camera_info", "namespace", "rviz", "params_file", "device", "use_sim_time"}
    assert wanted <= names


@pytest.mark.parametrize("name", FILES)
def test_launch_reads_it(name: str) -> None:
    pytest.importorskip("launch.actions", reason="launch comes with ROS 2 from apt only")
    pytest.importorskip("launch_ros", reason="launch_ros comes with ROS 2 from apt")
    from launch.actions import DeclareLaunchArgument
    from launch_ros.actions import Node

    spec = importlib.util.spec_from_file_location("launch_file", LAUNCH / name)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entities = module.generate_launch_description().entities
    declared = {e.name for e in entities if isinstance(e, DeclareLaunchArgument)}
    assert {argument for argument, _ in _arguments(name)} <= declared
    assert any(isinstance(e, Node) for e in entities)

"""ros/start.py: the sentence for a package that is missing."""

from __future__ import annotations

import importlib
import importlib.util
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

START = Path(__file__).parents[2] / "hand_pose_25d/ros/start.py"
INSTALL = "-m pip install onnxruntime safetensors rosbags 'numpy<2'"


@pytest.fixture
def start(monkeypatch):
    """The module on its own (its package needs no ROS to be imported either), signals kept."""
    spec = importlib.util.spec_from_file_location("start_alone", START)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield module
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("hand_pose_25d.ros.node", "onnxruntime"),
        ("hand_pose_25d.ros.node", "safetensors"),
        ("hand_pose_25d.ros.recorder", "rosbags"),
    ],
)
def test_what_is_not_installed_is_said_before_anything_starts(
    start, monkeypatch, capsys, module, absent
):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == absent else real(name)
    )
    monkeypatch.setattr(importlib, "import_module", lambda name: pytest.fail("started"))
    assert start.start(module) == 1
    message = capsys.readouterr().err
    assert f"{module}: the Python package {absent!r} is missing" in message
    assert f"{sys.executable} {INSTALL}" in message and message.count("\n") == 1


@pytest.mark.parametrize(
    ("prefix", "command"),
    [("/usr", f"PIP_BREAK_SYSTEM_PACKAGES=1 {sys.executable}"), ("/venv", sys.executable)],
)
def test_the_command_works_inside_and_outside_a_virtual_environment(
    start, monkeypatch, capsys, prefix, command
):
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert start.start("hand_pose_25d.ros.node") == 1
    assert f"comes with: {command} {INSTALL}" in capsys.readouterr().err


def test_the_installation_page_has_the_same_command():
    page = (START.parents[2] / "docs/install.md").read_text()
    assert f"PIP_BREAK_SYSTEM_PACKAGES=1 {INSTALL.removeprefix('-m ')}\n" in page


def test_a_package_missed_later_is_said_too(start, monkeypatch, capsys):
    def main():
        raise ModuleNotFoundError("No module named 'cv_bridge'", name="cv_bridge")

    monkeypatch.setattr(importlib, "import_module", lambda name: SimpleNamespace(main=main))
    assert start.start("hand_pose_25d.ros.source") == 1
    assert "'cv_bridge' is missing" in capsys.readouterr().err


@pytest.mark.parametrize("name", [None, "hand_pose_25d.msg"])
def test_a_fault_of_ours_keeps_its_traceback(start, monkeypatch, name):
    def main():
        raise ModuleNotFoundError("broken", name=name)

    monkeypatch.setattr(importlib, "import_module", lambda name: SimpleNamespace(main=main))
    with pytest.raises(ModuleNotFoundError, match="broken"):
        start.start("hand_pose_25d.ros.source")


def test_the_exit_code_is_mains(start, monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda name: SimpleNamespace(main=lambda: 3))
    assert start.start("hand_pose_25d.ros.source") == 3

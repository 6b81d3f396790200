"""The command line: its table, its errors, and that it stays light."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hand_pose_25d import __version__, cli


def run_python(code: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800)


def test_every_command_is_a_module_with_arguments_and_run():
    for name, command in cli.commands().items():
        try:
            module = importlib.import_module(command.module)
        except ModuleNotFoundError as error:
            assert not (error.name or "").startswith("hand_pose_25d"), name
            continue
        assert callable(module.add_arguments) and callable(module.run), name
        assert module.__doc__, name
        with pytest.raises(SystemExit) as end:
            cli.main([name, "--help"])
        assert end.value.code == 0


def test_help_lists_all_commands(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in cli.commands())
    assert cli.main([]) == 2


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0 and capsys.readouterr().out.strip() == __version__


def test_package_and_help_load_neither_torch_nor_opencv():
    code = (
        "import sys, hand_pose_25d\nfrom hand_pose_25d import cli\ncli.main([])\n"
        "print(sorted({'torch', 'cv2', 'numpy'} & set(sys.modules)))"
    )
    done = run_python(code)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_public_names():
    done = run_python("from hand_pose_25d import *; print(Camera, HandPoseEstimator, HandPose)")
    assert done.returncode == 0, done.stderr
    import hand_pose_25d

    assert set(hand_pose_25d.__all__) <= set(dir(hand_pose_25d))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hand_pose_25d.nothing  # noqa: B018


def fake(monkeypatch, run):
    module = SimpleNamespace(__doc__="Fake.", add_arguments=lambda parser: None, run=run)
    real = importlib.import_module
    monkeypatch.setattr(
        cli.importlib, "import_module",
        lambda name: module if name.endswith("commands.demo") else real(name),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("a bad value"), 2, "hand-pose-25d demo: a bad value"),
        (FileNotFoundError("no such file: x"), 2, "no such file: x"),
        (TypeError("wrong type"), None, ""),
        (KeyboardInterrupt(), 130, ""),
        (ModuleNotFoundError("No module", name="tqdm"), 2, "'tqdm' is missing"),
    ],
)
def test_errors_end_in_a_sentence(monkeypatch, capsys, error, code, message):
    def run(args):
        raise error

    fake(monkeypatch, run)
    if code is None:  # a fault of ours keeps its traceback
        with pytest.raises(type(error)):
            cli.main(["demo"])
        return
    assert cli.main(["demo"]) == code
    printed = capsys.readouterr().err
    assert message in printed and "Traceback" not in printed


def test_traceback_on_request(monkeypatch):
    def run(args):
        raise ValueError("deep down")

    fake(monkeypatch, run)
    with pytest.raises(ValueError, match="deep down"):
        cli.main(["demo", "--traceback"])


def test_exit_codes_pass_through(monkeypatch):
    for code in (0, 1, None):
        fake(monkeypatch, lambda args, code=code: code)
        assert cli.main(["demo"]) == (code or 0)


@pytest.mark.parametrize(
    ("package", "advice"),
    [
        ("onnx", "pip install 'hand-pose-25d[onnx,torch]'"),
        ("torch", "pip install 'hand-pose-25d[onnx,torch]'"),
        ("mediapipe", "pip install --no-deps mediapipe==0.10.21"),
    ],
)
def test_what_is_missing_is_named(monkeypatch, capsys, package, advice):
    real = importlib.import_module

    def import_module(name):
        if name.endswith("commands.export"):
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name)

    monkeypatch.setattr(cli.importlib, "import_module", import_module)
    assert cli.main(["export"]) == 2
    printed = capsys.readouterr().err
    assert repr(package) in printed and printed.endswith(f"try: {advice}\n")


def test_unknown_command(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["estimat"])
    assert end.value.code == 2 and "estimate" in capsys.readouterr().err

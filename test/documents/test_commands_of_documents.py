"""Every command that a document shows can be run as it stands: programs, options, names exist."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess

import pytest
import yaml
from pages import ROOT, SHELL, code_blocks, pages, shell_lines, text

from hand_pose_25d import cli

COMMANDS = [(page, line) for page in pages() for line in shell_lines(page)]
PARAMETERS = yaml.safe_load((ROOT / "config/hand.yaml").read_text())["/**"]["ros__parameters"]
PACKAGE = "hand_pose_25d"


def words(line: str) -> list[str]:
    """Return a command's words without the variables set before it."""
    given = shlex.split(line, comments=True)
    while given and re.match(r"[A-Z_]+=", given[0]):
        given.pop(0)
    return given


def starting(*programs: str) -> list[tuple[str, str]]:
    """Return the commands that start with one of these programs."""
    return [(page, line) for page, line in COMMANDS if words(line)[:1] and
            words(line)[0] in programs]  # fmt: skip


def test_documents_show_commands():
    assert len(COMMANDS) > 60 and len(starting("hand-pose-25d")) > 40


@pytest.mark.parametrize("page", pages())
def test_blocks_are_shell(page):
    for block in code_blocks(page, *SHELL):
        done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "line"), starting("hand-pose-25d"))
def test_the_command_line_takes_it(page, line):
    given = words(line)[1:]
    name = next((w for w in given if not w.startswith("-")), None)
    module = None
    if name is not None:
        assert name in cli.commands(), line
        try:
            module = importlib.import_module(cli.commands()[name].module)
        except ModuleNotFoundError as error:
            pytest.skip(f"needs the package {error.name}")
    if "--help" in given:
        with pytest.raises(SystemExit) as end:
            cli._parser(name, module).parse_args(given)
        assert end.value.code == 0
    else:
        cli._parser(name, module).parse_args(given)


@pytest.mark.parametrize(
    ("page", "line"),
    [(page, line) for page, line in COMMANDS if re.match(r"(source |\.venv/)?scripts/", line)],
)
def test_scripts_are_there(page, line):
    program, *arguments = words(line)
    file = ROOT / program
    assert file.is_file() and file.stat().st_mode & 0o100, line
    for option in arguments:
        if option.startswith("--"):
            assert option in file.read_text(encoding="utf-8"), line


@pytest.mark.parametrize(("page", "line"), starting("python", "python3", ".venv/bin/python"))
def test_modules_and_programs_are_there(page, line):
    given = words(line)[1:]
    if given[0] != "-m":
        assert (ROOT / given[0]).is_file(), line
    elif given[1].startswith(PACKAGE):
        assert (ROOT / (given[1].replace(".", "/") + ".py")).is_file(), line
    check_ros_arguments(line)


@pytest.mark.parametrize(("page", "line"), starting("ros2"))
def test_ros_names_are_there(page, line):
    verb, *rest = words(line)[1:]
    if verb == "launch":
        assert rest[0] == PACKAGE, line
        launch = (ROOT / "launch" / rest[1]).read_text(encoding="utf-8")
        for argument in rest[2:]:
            assert f'("{argument.partition(":=")[0]}", ' in launch, line
    elif verb == "run":
        assert rest[0] == PACKAGE, line
        assert re.search(rf"\b{rest[1]}=\w+", (ROOT / "CMakeLists.txt").read_text()), line
        check_ros_arguments(line)
    elif verb == "param":
        assert rest[:2] == ["set", "/hand_pose"] and rest[2] in PARAMETERS, line
    elif verb == "service":
        assert f"`~/{rest[1].rpartition('/')[2]}`" in text("docs/ros_interface.md"), line
    else:
        assert verb == "topic", line
        assert f"`{rest[1]}`" in text("docs/ros_interface.md").replace("`hands`", "`/hands`"), line


def check_ros_arguments(line: str) -> None:
    """Assert that the node's parameters and topics named after --ros-args exist."""
    if "examples/" in line:
        (file,) = re.findall(r"examples/\w+\.py", line)
        known = set(re.findall(r'"(\w+)"', (ROOT / file).read_text(encoding="utf-8")))
    else:
        known = {*PARAMETERS, "image", "camera_info", "detections", "hands", "markers"}
    for name in re.findall(r"-[pr] (\w+):=", line):
        assert name in known, line


@pytest.mark.parametrize(("page", "line"), starting("pip", "pip3"))
def test_extras_are_there(page, line):
    assert words(line)[1] == "install", line
    table = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extras in re.findall(r"\.\[([\w,]+)\]", line):
        for extra in extras.split(","):
            assert re.search(rf"^{extra} = \[", table, re.MULTILINE), line


@pytest.mark.parametrize("page", ["README.md", "docs/install.md"])
def test_what_apt_lacks_is_what_the_node_asks_for(page):
    asked = list(importlib.import_module("hand_pose_25d.ros.start").PIP_PACKAGES)
    assert ["pip", "install", *asked] in [words(line) for line in shell_lines(page)]


@pytest.mark.parametrize(("page", "line"), starting("docker"))
def test_docker_has_its_file(page, line):
    assert (ROOT / "Dockerfile").is_file()


@pytest.mark.parametrize("page", pages())
def test_python_blocks_compile(page):
    for block in code_blocks(page, "python"):
        compile(block, page, "exec")


def test_every_command_is_in_the_table():
    rows = re.findall(r"^\| `(\w+)` \|", text("docs/command_line.md"), re.MULTILINE)
    assert sorted(rows) == sorted(cli.commands())

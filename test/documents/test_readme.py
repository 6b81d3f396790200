"""What the README says exists: commands, options, files, names."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from hand_pose_25d import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "docs/hand_size.md"]


def code_blocks(page: str, *languages: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [code for language, code in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)
            if language in languages]  # fmt: skip


def command_lines() -> list[tuple[str, str]]:
    lines = []
    for page in PAGES:
        for block in code_blocks(page, "bash", "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("hand-pose-25d "):
                    lines.append((page, line))
    return lines


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_commands_parse(page, line):
    words = shlex.split(line, comments=True)[1:]
    name = next((w for w in words if not w.startswith("-")), None)
    module = None
    if name is not None:
        assert name in cli.commands()
        try:
            module = importlib.import_module(cli.commands()[name].module)
        except ModuleNotFoundError as error:
            pytest.skip(f"needs the package {error.name}")
    if "--help" in words:
        with pytest.raises(SystemExit) as end:
            cli._parser(name, module).parse_args(words)
        assert end.value.code == 0
    else:
        cli._parser(name, module).parse_args(words)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert ((ROOT / page).parent / target).exists(), target


def test_python_example_compiles_and_uses_real_options():
    import inspect

    from hand_pose_25d import HandPose, HandPoseEstimator

    (code,) = code_blocks("README.md", "python")
    compile(code, "README.md", "exec")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    options = inspect.signature(HandPoseEstimator).parameters
    for name in ("hand_scale", "bone_lengths", "max_hands", "weights", "detector", "device"):
        assert name in options and name in text
    fields = set(HandPose.__dataclass_fields__)
    assert all(f"`{field}`" in text for field in fields), fields


def test_every_command_is_in_the_table():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in cli.commands())


def test_the_picture_is_there():
    assert (ROOT / "docs/images/demo.jpg").stat().st_size > 100_000

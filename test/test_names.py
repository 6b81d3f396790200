"""A public name of the workshop exists once: who searches for it finds one definition."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKSHOP = "hand_pose_25d_train"
PACKAGES = ("hand_pose_25d", WORKSHOP)
PROTOCOLS = {"main", "add_arguments", "run", "build", "logger", "COMMANDS"}
"""What the modules of subcommands, of networks and of logging have by agreement; COMMANDS are the
two packages' tables of subcommands, which cli.py joins."""
READERS = ROOT / WORKSHOP / "datasets"
READER_PROTOCOL = {
    "DEPTH_TO_COLOR", "FRAMES", "K_COLOR", "K_DEPTH", "ORDER", "SEQUENCES", "SPLITS", "image_path",
    "inventory",
}  # fmt: skip
"""What every reader of a data set has by agreement, always said with its module's name."""


def public_names(module: ast.Module) -> list[str]:
    """Return the classes, functions and constants that a module defines."""
    names: list[str] = []
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            targets = [t for target in node.targets for t in ast.walk(target)]
            names += [t.id for t in targets if isinstance(t, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return [name for name in names if not name.startswith("_")]


def test_a_public_name_is_defined_in_one_module() -> None:
    homes: dict[str, set[str]] = defaultdict(set)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            agreed = PROTOCOLS | (READER_PROTOCOL if path.parent == READERS else set())
            for name in set(public_names(ast.parse(path.read_text(encoding="utf-8")))) - agreed:
                homes[name].add(path.relative_to(ROOT).as_posix())
    assert len(homes) > 800
    twice = {
        name: sorted(found)
        for name, found in homes.items()
        if len(found) > 1 and any(home.startswith(f"{WORKSHOP}/") for home in found)
    }
    assert not twice, "\n".join(f"{name}: {', '.join(found)}" for name, found in twice.items())

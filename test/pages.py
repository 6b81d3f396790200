"""The documents, for tests that hold them against the code: their blocks, commands and links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHELL = ("bash", "sh")


def pages() -> list[str]:
    """Return the paths of the documents, relative to the repository's root."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md"),
             *ROOT.glob("hand_pose_25d_train/*.md")]  # fmt: skip
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def code_blocks(page: str, *languages: str) -> list[str]:
    """Return the fenced blocks of these languages."""
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```", text(page), re.DOTALL | re.MULTILINE)
    return [code for language, code in blocks if language in languages]


def shell_lines(page: str) -> list[str]:
    """Return the commands of a page's shell blocks, continued lines joined, and indented ones."""
    lines = []
    for block in code_blocks(page, *SHELL):
        for line in block.replace("\\\n", " ").splitlines():
            lines += [part.strip() for part in re.split(r"\s&&\s", line)]
    lines += re.findall(r"^ {4,}(hand-pose-25d .*)$", text(page), re.MULTILINE)
    return [line for line in lines if line and not line.startswith("#")]


def links(page: str) -> list[str]:
    """Return where a page's links and pictures inside the repository point to."""
    outside_code = re.sub(r"^ *```.*?^ *```", "", text(page), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", outside_code))
    return [target for target in targets if not target.startswith(("http", "mailto"))]


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as both GitHub and mkdocs make them."""
    titles = re.findall(r"^#+ +(.+?) *$", text(page), re.MULTILINE)
    plain = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in plain}

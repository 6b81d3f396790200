"""Hooks of mkdocs.yml: linked files outside docs/ join the site, the API page lists all names.

Links stay what they are in the repository (`../MODEL_CARD.md`), so that they work there, too.  A
Markdown file becomes a page at its own path, anything else a file to look at.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

import hand_pose_25d
from hand_pose_25d.option import Option
from hand_pose_25d.settings import EstimatorSettings, options

ROOT = Path(__file__).resolve().parents[1]
PUBLIC_NAMES = "<!-- public names -->"
OPTIONS = "<!-- options -->"
FIRST = ("HandPoseEstimator", "EstimatorSettings", "Camera", "HandPose")
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: Any) -> Files:
    """Add what the navigation and the pages of docs/ name outside of it, and what those name."""
    for uri in re.findall(r"[\w/]+\.md", str(config.nav)):
        if files.get_file_from_path(uri) is None and (ROOT / uri).is_file():
            files.append(File.generated(config, uri, abs_src_path=str(ROOT / uri)))
    pages = [repository_file(file.src_uri) for file in files.documentation_pages()]
    for page in pages:
        for target in linked(page, page.read_text(encoding="utf-8")).values():
            uri = site_uri(target)
            if target.is_file() and files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(target)))
                if target.suffix == ".md":
                    pages.append(target)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make links relative to where the files lie in the site; fill in public names and options."""
    markdown = markdown.replace(PUBLIC_NAMES, public_names()).replace(OPTIONS, option_table())
    here = repository_file(page.file.src_uri)
    targets = linked(here, markdown)

    def moved(match: re.Match[str]) -> str:
        target = targets.get(match[2])
        if target is None:
            return match[0]
        start = PurePosixPath(page.file.src_uri).parent
        return match[1] + os.path.relpath(site_uri(target), start) + match[3]

    return LINK.sub(moved, markdown)


def public_names() -> str:
    """Return what mkdocstrings replaces by the documentation of each public name."""
    rest = sorted(set(hand_pose_25d.__all__) - set(FIRST))
    names = [name for name in FIRST if name in hand_pose_25d.__all__] + rest
    modules = hand_pose_25d._MODULES
    return "\n\n".join(f"::: hand_pose_25d.{modules[name]}.{name}" for name in names)


def option_table() -> str:
    """Return the estimator's options as a table."""
    rows = ["| option | default | allowed | at run time | meaning |", "|---|---|---|---|---|"]
    for name, option in options().items():
        default = getattr(EstimatorSettings, name)
        shown = option.unset if default is None else f"`{default}`"
        tuned = "yes" if option.runtime else ""
        rows.append(f"| `{name}` | {shown} | {allowed(option)} | {tuned} | {option.help} |")
    return "\n".join(rows)


def allowed(option: Option) -> str:
    """Return an option's values in words."""
    if option.choices:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    if math.isfinite(option.most):
        return f"{option.least:g} to {option.most:g}"
    if math.isfinite(option.least):
        return f"{'above' if option.exclusive else 'from'} {option.least:g}"
    return {bool: "true, false", Path: "a path", str: "a name"}.get(option.kind, "an object")


def linked(page: Path, text: str) -> dict[str, Path]:
    """Return the repository's files that a page links to, by the links' texts."""
    links = {match[1] for match in LINK.findall(text) if "://" not in match[1]}
    targets = {link: (page.parent / link).resolve() for link in links}
    return {link: path for link, path in targets.items() if path.is_relative_to(ROOT)}


def site_uri(path: Path) -> str:
    """Return where a file of the repository lies in the site."""
    inside = path.relative_to(ROOT)
    return PurePosixPath(*inside.parts[inside.parts[0] == "docs" :]).as_posix()


def repository_file(uri: str) -> Path:
    """Return the repository's file behind a path of the site."""
    inside = ROOT / "docs" / uri
    return inside if inside.is_file() else ROOT / uri

"""The documentation's site: it builds without a warning, with every page and every public name."""

from __future__ import annotations

import re

import pytest
import yaml
from pages import ROOT, pages

import hand_pose_25d


def test_every_page_is_in_the_navigation():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w/]+\.md", str(yaml.safe_load(settings)["nav"])))
    of_docs = {page.removeprefix("docs/") for page in pages() if page.startswith("docs/")}
    assert of_docs <= named
    assert all((ROOT / "docs" / page).is_file() or (ROOT / page).is_file() for page in named)


def test_it_builds_strictly(tmp_path):
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True)
    build(config)  # raises Abort on any warning
    api = (tmp_path / "api.html").read_text(encoding="utf-8")
    assert all(f'id="hand_pose_25d.{module}.{name}"' in api
               for name, module in hand_pose_25d._MODULES.items())  # fmt: skip
    assert (tmp_path / "MODEL_CARD.html").is_file() and (tmp_path / "msg/HandPose.msg").is_file()
    home = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="https?://[^"]+\.(js|css|woff2?)"', home)

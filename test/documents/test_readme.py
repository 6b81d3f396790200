"""The README: short, its links lead somewhere, and its lines of Python find the bundled hand."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from pages import ROOT, anchors, code_blocks, links, pages, text

from hand_pose_25d import HandPose
from hand_pose_25d.io.clips import load_clip

CLIP = ROOT / "hand_pose_25d/demo_data/hands.mp4"
INDEX_TIP = 8
WELL_SEEN = 18  # of 21 keypoints


@pytest.mark.parametrize(("page", "most"), [("README.md", 1000), ("MODEL_CARD.md", 1000)])
def test_it_is_short(page, most):
    assert len(text(page).split()) <= most


def test_the_picture_is_there():
    assert "docs/images/demo.jpg" in links("README.md")
    assert (ROOT / "docs/images/demo.jpg").stat().st_size > 100_000


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page} links to {link}"
        if anchor:
            name = target.resolve().relative_to(ROOT).as_posix()
            assert anchor in anchors(name), f"{page} links to {link}"


def test_the_quick_start_names_every_field_of_a_hand():
    named = set(re.findall(r"`(\w+)(?:\(\))?`", text("docs/quick_start.md")))
    assert {*HandPose.__dataclass_fields__, "wrist_pose", "to_dict"} <= named


def test_the_lines_of_python_find_the_hand_of_a_bundled_image(tmp_path, monkeypatch, capsys):
    (code,) = code_blocks("README.md", "python")
    clip = load_clip(CLIP)
    seen = (len(hands) == 1 and hands[0].visibility.sum() >= WELL_SEEN for hands in clip.hands)
    index = [i for i, well in enumerate(seen) if well][len(clip) // 20]
    (truth,) = clip.hands[index]
    image = next(image for i, image in enumerate(clip.images()) if i == index)
    cv2.imwrite(str(tmp_path / "photo.jpg"), image[:, :, ::-1])
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    (line,) = capsys.readouterr().out.splitlines()
    handedness, score, position = line.split(maxsplit=2)
    tip = np.array(position.strip("[]").split(), dtype=float)
    assert handedness == ("right" if truth.is_right else "left") and float(score) > 0.9
    assert np.linalg.norm(tip - truth.keypoints[INDEX_TIP]) < 0.12

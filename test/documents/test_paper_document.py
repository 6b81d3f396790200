"""docs/paper.md: places it names exist, lines it quotes are there, effects it states hold."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.reconstruction import pose25d
from hand_pose_25d.skeleton import FINGERTIPS
from hand_pose_25d_train.datasets import shp
from hand_pose_25d_train.datasets.standin import drawn_hands, placed
from hand_pose_25d_train.evaluation import metrics
from hand_pose_25d_train.evaluation.paper.predict import annotation
from hand_pose_25d_train.networks.direct import decode_heatmaps, encode_heatmaps

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "paper.md"
PLACE = re.compile(
    r"`((?:hand_pose_25d(?:_train)?|test)/[\w/]+\.(?:py|yaml|md))(?:::(\w+(?:\.\w+)?))?`"
)
QUOTE = re.compile(r"`((?:hand_pose_25d(?:_train)?)/[\w/]+\.py)::[\w.]+`: ``([^`]+)``")

pytestmark = pytest.mark.skipif(
    not DOCUMENT.is_file(), reason="docs/paper.md is not part of this installation"
)


@pytest.fixture(scope="module")
def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def test_every_place_named_exists(document):
    places = PLACE.findall(document)
    assert len(places) > 60
    for path, name in places:
        file = ROOT / path
        assert file.is_file(), f"docs/paper.md names {path}"
        if name:
            text = file.read_text(encoding="utf-8")
            last = name.split(".")[-1]
            pattern = rf"^\s*(?:def|class)\s+{last}\b|^\s*{last}\s*[:=]"
            assert re.search(pattern, text, re.MULTILINE), f"docs/paper.md names {path}::{name}"


def test_every_line_quoted_is_there(document):
    quotes = QUOTE.findall(document)
    assert len(quotes) >= 14
    for path, line in quotes:
        text = " ".join((ROOT / path).read_text(encoding="utf-8").split())
        assert " ".join(line.split()) in text, f"docs/paper.md quotes {path}: {line}"


def test_every_equation_has_a_row(document):
    covered: set[int] = set()
    for first, last in re.findall(r"^\| Eq\. (\d+)(?:-(\d+))? ", document, re.MULTILINE):
        covered |= set(range(int(first), int(last or first) + 1))
    assert covered == set(range(1, 17))


@pytest.fixture(scope="module")
def hands():
    """Return 200 drawn hands in SHP's camera."""
    rng = np.random.default_rng(0)
    camera = shp.CAMERAS["BB_left"]
    found = [placed(hand, camera, (640, 480), rng) for hand in drawn_hands(200, seed=11, size=48)]
    return [hand.sample for hand in found if hand is not None]


def printed_b(hands) -> float:
    """Median error of the root's depth, per cent, with b as printed: without the factor 2."""
    pose = pose25d.encode(np.stack([sample.xyz for sample in hands]))
    a, b, c = pose25d.root_depth_quadratic(pose.xy, pose.relative_depth)
    true = np.array([sample.xyz[0, 2] for sample in hands]) / pose.scale
    mended = pose25d.roots(pose25d.Quadratic(a, b, c))[0]
    assert np.abs(mended / true - 1).max() < 1e-9
    printed = pose25d.roots(pose25d.Quadratic(a, b / 2, c))[0]
    return 100 * float(np.median(np.abs(printed / true - 1)))


def virtual_camera(hands) -> float:
    """Mean difference between relative depths along the crop's axis and along the camera's."""
    differences = []
    for sample in hands:
        view = VirtualCamera.from_region(sample.camera, annotation(sample).region(), 128)
        turned = pose25d.encode(view.to_virtual(sample.xyz)).relative_depth
        differences.append(np.abs(turned - pose25d.encode(sample.xyz).relative_depth))
    return float(np.mean(differences))


def quantisation(hands) -> float:
    """Mean error in px of Eq. 12 on perfect heatmaps of 128 cells."""
    uv = torch.rand(50, 21, 2, generator=torch.Generator().manual_seed(0)) * 100 + 14
    found, _ = decode_heatmaps(*encode_heatmaps(uv, torch.zeros(50, 21), 128, 128, 128), 128)
    return float((found - uv).norm(dim=-1).mean())


def auc_by_thresholds(hands) -> float:
    """Difference of the AUC to a trapezoid sum over 100 thresholds, errors of about 3 cm."""
    errors = np.abs(np.random.default_rng(0).normal(0, 0.03, (200, 21)))
    curve = metrics.pck(errors, np.linspace(0.02, 0.05, 100))
    return abs(metrics.auc(errors, 0.02, 0.05) - float(((curve[1:] + curve[:-1]) / 2).mean()))


def counted_root(hands) -> float:
    """What the root's error of 0 adds to a root-aligned AUC, errors of about 3 cm."""
    errors = np.abs(np.random.default_rng(0).normal(0, 0.03, (200, 21)))
    errors[:, 0] = 0
    return metrics.auc(errors, 0.02, 0.05) - metrics.auc(errors[:, 1:], 0.02, 0.05)


def tip_length(hands) -> float:
    """Mean millimetres that the factor 0.9 takes from the fingertips."""
    points = np.stack([sample.xyz for sample in hands])
    tips = list(FINGERTIPS)
    bones = np.linalg.norm(points[:, tips] - points[:, [t - 1 for t in tips]], axis=-1)
    return 1000 * float(0.1 * bones.mean())


@pytest.mark.parametrize(
    ("effect", "text", "tolerance"),
    [
        (printed_b, "0.7 %", 0.05),
        (virtual_camera, "0.09 C", 0.005),
        (quantisation, "0.38 px", 0.005),
        (auc_by_thresholds, "0.00001", 0.000005),
        (counted_root, "0.013", 0.001),
        (tip_length, "2.2 mm", 0.05),
    ],
)
def test_the_effects_of_deviations_are_as_written(document, hands, effect, text, tolerance):
    assert effect(hands) == pytest.approx(float(text.split()[0]), abs=tolerance)
    row = next((r for r in document.splitlines() if f"`{effect.__name__}`" in r), "")
    assert text in row, f"{effect.__name__} should say {text}: {row}"

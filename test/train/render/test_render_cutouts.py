"""render/scene/cutouts.py: what lies where in the picture, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from rendering import painter_or_skip

from hand_pose_25d_train.render.scene.crops import render_crop
from hand_pose_25d_train.render.scene.cutouts import draw_cutout


@pytest.fixture
def red_bar(tmp_path: Path) -> Path:
    """A red bar, 40 wide and 10 high, in the middle of a transparent square."""
    image = np.zeros((80, 80, 4), np.uint8)
    image[35:45, 20:60] = (0, 0, 255, 255)
    path = tmp_path / "bar.png"
    cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize(("angle", "extent"), [(0.0, (40, 10)), (np.pi / 2, (10, 40))])
def test_it_lies_where_it_is_put(red_bar: Path, angle: float, extent: tuple[int, int]) -> None:
    color, coverage = draw_cutout(red_bar, (200, 160), np.array([60.0, 90.0]), 80, angle)
    assert color.shape == (160, 200, 3)
    v, u = np.nonzero(coverage > 0.5)
    assert (u.mean(), v.mean()) == pytest.approx((60, 90), abs=1)
    assert (np.ptp(u) + 1, np.ptp(v) + 1) == pytest.approx(extent, abs=2)
    assert color[90, 60] == pytest.approx((1, 0, 0), abs=0.02)


def test_it_is_scaled(red_bar: Path) -> None:
    coverage = draw_cutout(red_bar, (200, 160), np.array([100.0, 80.0]), 160, 0.3)[1]
    assert coverage.sum() == pytest.approx(40 * 10 * 4, rel=0.05)


def test_pictures_without_alpha_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="alpha channel"):
        draw_cutout(path, (20, 20), np.zeros(2), 5, 0)


def test_occluders_come_from_the_folder(red_bar: Path) -> None:
    painter = painter_or_skip()
    plain = [render_crop(painter, seed, 64).image for seed in range(60)]
    painter.objects = [red_bar]
    try:
        changed = [
            (render_crop(painter, seed, 64).image != image).any()
            for seed, image in enumerate(plain)
        ]
    finally:
        painter.objects = []
    # A tenth of the images with hands has something in front, seven in ten of it from the folder.
    assert 0 < sum(changed) < 20

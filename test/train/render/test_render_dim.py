"""Dim rooms: how dark, how noisy, in which colours, and nothing else of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from rendering import painter_or_skip

from hand_pose_25d_train.render.scene.dim import EXPOSED, denoised, in_the_dark


def plain(level: float = 0.3, side: int = 96) -> np.ndarray:
    return np.full((side, side, 3), level, np.float32)


def grain(image: np.ndarray) -> np.ndarray:
    """The deviation (3,) of neighbours from each other."""
    return np.diff(image, axis=1).std((0, 1)) / np.sqrt(2)


def test_it_is_dark_and_noisy() -> None:
    means, ratios = [], []
    for seed in range(60):
        image = in_the_dark(plain(), np.random.default_rng(seed))
        assert image.dtype == np.float32 and image.shape == (96, 96, 3)
        means.append(float(image.mean()))
        ratios.append(float(image.mean() / grain(image).mean()))
    assert EXPOSED[0] - 0.01 < min(means) and max(means) < EXPOSED[1] + 0.01
    assert 0.5 < np.quantile(ratios, 0.1) < np.median(ratios) < 12


def test_what_is_dark_already_is_not_made_brighter() -> None:
    for seed in range(10):
        assert in_the_dark(plain(0.01), np.random.default_rng(seed)).mean() < 0.02


def test_blue_is_noisier_where_lamps_are_warm() -> None:
    red, blue = np.mean(
        [grain(in_the_dark(plain(), np.random.default_rng(seed)))[[0, 2]] for seed in range(80)], 0
    )
    assert blue > 1.15 * red


def test_denoising_leaves_colours_in_blotches() -> None:
    rng = np.random.default_rng(0)
    noisy = rng.normal(0.1, 0.05, (96, 96, 3)).astype(np.float32)
    smooth = denoised(noisy, 1.0, rng)
    assert grain(smooth).mean() < 0.8 * grain(noisy).mean()

    def likeness(image: np.ndarray) -> float:
        colour = (image[..., 0] - image[..., 1]).ravel()
        return float(np.corrcoef(colour[:-1], colour[1:])[0, 1])

    assert abs(likeness(noisy)) < 0.05 and likeness(smooth) > 0.6


@pytest.mark.parametrize("mode", ["crops", "scenes"])
def test_labels_stay_and_other_pictures_do_not_change(mode: str, monkeypatch) -> None:
    from hand_pose_25d_train.render.scene.crops import render_crop
    from hand_pose_25d_train.render.scene.scenes import render_scene

    painter = painter_or_skip()

    def pictures() -> list:
        if mode == "crops":
            return [render_crop(painter, seed, 64) for seed in range(10)]
        return [render_scene(painter, seed, (128, 96)) for seed in range(6)]

    before = pictures()
    monkeypatch.setattr(painter, "dim", 1.0)
    dim = pictures()
    for one, other in zip(before, dim, strict=True):
        assert len(one.hands) == len(other.hands)
        for a, b in zip(one.hands, other.hands, strict=True):
            np.testing.assert_array_equal(a.uv, b.uv)
            np.testing.assert_array_equal(a.mask, b.mask)
        assert not np.array_equal(one.image, other.image)
    brightness = [np.mean([sample.image.mean() for sample in some]) for some in (before, dim)]
    assert brightness[1] < 0.75 * brightness[0]
    monkeypatch.setattr(painter, "dim", 1e-9)
    for one, other in zip(before, pictures(), strict=True):
        np.testing.assert_array_equal(one.image, other.image)

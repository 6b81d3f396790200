"""What the renderer's tests share: one painter, or a skip that says what is missing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

pytest.importorskip("moderngl", reason="the renderer needs moderngl")


@lru_cache(maxsize=1)
def _open():
    from hand_pose_25d_train.render.scene.compose import Painter

    try:
        return Painter(range(0, 12))
    except (RuntimeError, ModuleNotFoundError) as error:
        return error


def painter_or_skip():
    """A painter with procedural assets; skips where OpenGL or the body data is missing."""
    painter = _open()
    if isinstance(painter, Exception):
        pytest.skip(str(painter))
    return painter


def painted_shots(painter, monkeypatch) -> list:
    """Return a list that takes every shot that the painter paints from now on."""
    shots: list = []
    paint = painter.paint

    def noted(shot, rng):
        shots.append(shot)
        return paint(shot, rng)

    monkeypatch.setattr(painter, "paint", noted)
    return shots


def assert_others_do_not_change(painter, share: str, monkeypatch) -> None:
    """Pictures that are not of a share are the same pictures as without it."""
    from hand_pose_25d_train.render.scene.crops import render_crop
    from hand_pose_25d_train.render.scene.scenes import render_scene

    def pictures() -> list[np.ndarray]:
        crops = [render_crop(painter, seed, 64).image for seed in range(6)]
        return crops + [render_scene(painter, seed, (96, 72)).image for seed in range(6)]

    plain = pictures()
    monkeypatch.setattr(painter, share, 1e-9)
    for one, other in zip(plain, pictures(), strict=True):
        np.testing.assert_array_equal(one, other)

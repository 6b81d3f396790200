"""What the renderer's tests share: one painter, or a skip that says what is missing."""

from __future__ import annotations

from functools import lru_cache

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

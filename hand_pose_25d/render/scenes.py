"""Mode `scenes`: whole images."""
from __future__ import annotations


def render_scene(painter, seed: int, size: tuple[int, int] = (640, 480)):
    """Return the scene of this seed."""
    raise NotImplementedError

"""Mosaics for the detector: rendered crops of single hands, laid side by side at several sizes.

A crop shows its hand large and pointing up; a mosaic of them has many hands in one small image,
of all sizes and rotated in all directions, each with the arm and the background it was rendered
with.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from hand_pose_25d_train.training.detector.pasting import similarity, warp
from hand_pose_25d_train.training.detector.scenes import RenderedScenes, Scene, moved

SPLIT = (0.65, 0.3, 0.1)
"""Probability that a tile is split into four, by how often it was split before."""
SMALLEST_TILE = 24
_TILT = 0.3
"""Standard deviation of the angle, radians, about a quarter of a circle."""
ENLARGEMENT = (0.95, 1.5)
"""Of a crop over its tile: crops have a margin around the hand."""


class MosaicScenes:
    """Crops of hands in tiles of a mosaic."""

    def __init__(self, crops: RenderedScenes) -> None:
        """Raises ValueError without crops."""
        if not len(crops):
            raise ValueError("no rendered crops to make mosaics of")
        self._crops = crops

    def draw(self, size: int, rng: np.random.Generator) -> Scene:
        """Return one (size, size) scene."""
        scene = Scene(np.zeros((size, size, 3), np.uint8))
        self._fill(scene, 0, 0, size, 0, rng)
        return scene

    def _fill(
        self, scene: Scene, u: int, v: int, side: int, depth: int, rng: np.random.Generator
    ) -> None:
        """Fill the square tile of a scene at (u, v), split or whole."""
        half = side // 2
        if depth < len(SPLIT) and half >= SMALLEST_TILE and rng.random() < SPLIT[depth]:
            for du in (0, half):
                for dv in (0, half):
                    self._fill(scene, u + du, v + dv, half, depth + 1, rng)
            return
        tile = self._tile(side, rng)
        scene.image[v : v + side, u : u + side] = tile.image
        for hand in tile.hands:
            hand.uv += (u, v)
        scene.hands += tile.hands

    def _tile(self, side: int, rng: np.random.Generator) -> Scene:
        """Draw a crop, rotated, mirrored and scaled to a tile."""
        crop = self._crops[int(rng.integers(len(self._crops)))]
        height, width = crop.image.shape[:2]
        mirror = bool(rng.random() < 0.5)
        angle = rng.integers(4) * math.pi / 2 + rng.normal(0, _TILT)
        scale = side / max(height, width) * rng.uniform(*ENLARGEMENT)
        target = side / 2 + rng.normal(0, 0.06, 2) * side
        matrix = similarity((width / 2, height / 2), target, scale, angle, mirror)
        image = warp(crop.image, matrix, side, border=cv2.BORDER_REPLICATE)
        hands = []
        for hand in crop.hands:
            hand = moved(hand, matrix, mirror)
            inside = ((hand.uv >= 0) & (hand.uv <= side - 1)).all(axis=1).mean()
            hand.visible *= float(inside)
            hands.append(hand)
        return Scene(image, hands)

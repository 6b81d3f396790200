"""What a depth camera sees of rendered hands: surfaces, then noise, holes and flying pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hand_pose_25d_train.render.gl.drawables import Lighting, Material
from hand_pose_25d_train.render.gl.gl import Drawer
from hand_pose_25d_train.render.gl.shaders import SAMPLES
from hand_pose_25d_train.render.scene.instance import HandInstance

_LIGHT = Lighting(np.array([[0.0, 0.0, -1.0]]), np.ones((1, 3)), np.zeros((4, 3)))


@dataclass(frozen=True)
class DepthSensor:
    """What is wrong with the depth of a camera of stereo or structured light."""

    noise: float = 0.01
    """Standard deviation of a pixel, as a share of its depth."""
    grain: float = 0.8
    """Pixels over which neighbours' noise is shared: the deviation of a Gaussian blur."""
    holes: float = 0.1
    """Share of the pixels without a value, in patches."""
    edge: float = 0.02
    """Metres: a larger step between neighbours is an edge, where pixels fly or are missing."""
    quantum: float = 0.001
    """Metres a unit of the image."""

    def measure(self, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return what the sensor gives for true depths (H, W) m: (H, W) uint16 mm, 0 for holes."""
        shape = depth.shape
        known = np.isfinite(depth)
        near = np.where(known, depth, 10.0).astype(np.float32)
        kernel = np.ones((3, 3), np.uint8)
        low, high = cv2.erode(near, kernel), cv2.dilate(near, kernel)
        edges = high - low > self.edge
        kind = rng.random(shape)
        flying = edges & (kind < 0.4)
        seen = np.where(flying, low + (high - low) * rng.random(shape), near)
        white = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), self.grain)
        seen = seen * (1 + self.noise * white / white.std())
        patches = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 3.0)
        holes = patches > np.quantile(patches, 1 - self.holes)
        missing = ~(known | flying) | holes | (edges & (kind > 0.8))
        units = np.round(seen / self.quantum)
        return np.where(missing | (units > 65535), 0, units).astype(np.uint16)


def surface_depth(
    drawer: Drawer, hands: list[HandInstance], K: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Draw the depth of hands with their arms: (H, W) float32 m, inf where nothing is.

    K: (3, 3) intrinsics; size: (width, height) px.
    """
    meshes = [hand.mesh(Material(), 1 + i) for i, hand in enumerate(hands)]
    drawing = drawer.draw(meshes, _LIGHT, K, size)
    return at_pixels(drawing.depth)


def at_pixels(depth: np.ndarray) -> np.ndarray:
    """Return a drawing's depth at the image's size: of its several samples a pixel, one."""
    return np.ascontiguousarray(depth[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES])

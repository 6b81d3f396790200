"""Skin: textures from a folder (MakeHuman's layout) or procedural, recoloured continuously."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.io import images as image_files
from hand_pose_25d_train.render.body.topology import HAND, hand_topology
from hand_pose_25d_train.render.gl.drawables import Material
from hand_pose_25d_train.render.gl.gl import Drawer

LIGHT = np.array([0.74, 0.50, 0.40])
DARK = np.array([0.060, 0.030, 0.019])
"""Linear albedo of the lightest and the darkest skin drawn."""

_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Skin:
    """A texture and the mean linear albedo of its hands."""

    key: object
    mean: np.ndarray


class Skins:
    """The skins at hand; textures are uploaded when first used."""

    def __init__(self, drawer: Drawer, files: list[Path]) -> None:
        self.drawer = drawer
        self.skins: list[Skin] = []
        self._files = {str(f): f for f in files}
        for file in files:
            image = cv2.imread(str(file))
            if image is None:
                raise ValueError(f"{file} is not an image that OpenCV reads")
            self._add(str(file), image[:, :, ::-1])
        if not files:
            for i in range(4):
                self._add(f"procedural-{i}", procedural_skin(i))
        self._tones = np.log([skin.mean.mean() for skin in self.skins])

    def _add(self, key: str, image: np.ndarray) -> None:
        topology = hand_topology()
        uv = topology.uv[topology.fine_weights[topology.split, HAND] > 0.5][::7]
        pixels = image[
            (uv[:, 1] * image.shape[0]).astype(int).clip(0, image.shape[0] - 1),
            (uv[:, 0] * image.shape[1]).astype(int).clip(0, image.shape[1] - 1),
        ]
        self.drawer.add_texture(key, image)
        self.skins.append(Skin(key, ((pixels / 255.0) ** 2.2).mean(0)))

    def sample(self, rng: np.random.Generator) -> Material:
        """Draw a skin, from very light to very dark."""
        tone = rng.random() ** 1.2
        target = np.exp((1 - tone) * np.log(LIGHT) + tone * np.log(DARK))
        target *= np.exp(rng.normal(0, [0.10, 0.06, 0.09]))
        distance = self._tones - np.log(target.mean())
        weight = np.exp(-((distance / 0.75) ** 2)) + 1e-4
        skin = self.skins[int(rng.choice(len(self.skins), p=weight / weight.sum()))]
        tint = np.exp(0.9 * np.log(target / skin.mean)).clip(0.25, 2.6)
        return Material(
            texture=skin.key,
            tint=tuple(tint),
            roughness=float(rng.uniform(0.33, 0.62)),
            specular=float(rng.uniform(0.02, 0.045)),
            subsurface=float(rng.uniform(0.5, 1.1)),
            bump=float(rng.uniform(0.0006, 0.0022)),
            saturation=float(rng.uniform(0.95, 1.3)),
            detail=float(rng.uniform(0.0, 0.3)),
            detail_scale=float(rng.uniform(300, 900)),
        )


def procedural_skin(seed: int, size: int = 512) -> np.ndarray:
    """A skin texture (size, size, 3) uint8 of mottled noise, where no photographs are given."""
    rng = np.random.default_rng([seed, 88])
    field = np.zeros((size, size), np.float32)
    for octave in range(3, 9):
        noise = rng.standard_normal((2**octave, 2**octave)).astype(np.float32)
        field += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC) * 0.72**octave
    red = cv2.resize(
        rng.standard_normal((24, 24)).astype(np.float32),
        (size, size),
        interpolation=cv2.INTER_CUBIC,
    )
    image = np.array([214, 168, 144]) + field[..., None] * 22 + red[..., None] * [7, -3, -4]
    return image.clip(0, 255).astype(np.uint8)


def list_skins(folder: Path | None) -> list[Path]:
    """The images below a folder, sorted; [] for None."""
    return [] if folder is None else image_files.list_images(folder, suffixes=_SUFFIXES)

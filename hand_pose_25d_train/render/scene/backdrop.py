"""What is behind the hand: crops of photographs, plain walls, procedural clutter."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np

MAX_SIDE = 800
KEEP = 200
"""Photographs kept in memory, at most 2 MB each: reading one costs half as much as an image."""


class Backdrops:
    """Backgrounds from a folder of photographs and from noise."""

    def __init__(self, files: list[Path], procedural: float = 0.22) -> None:
        self.files = files
        self.procedural = procedural if files else 1.0
        self._kept: OrderedDict[Path, np.ndarray] = OrderedDict()

    def sample(
        self, rng: np.random.Generator, size: tuple[int, int], whole: bool = False
    ) -> np.ndarray:
        """Return an sRGB uint8 image of `size` (width, height); `whole`: not a mere detail."""
        if rng.random() < self.procedural:
            return procedural_backdrop(rng, size)
        photo = self._load(self.files[int(rng.integers(len(self.files)))])
        return cut_window(photo, rng, size, 0.6 if whole else 0.18)

    def patch(self, rng: np.random.Generator, side: int = 96) -> np.ndarray:
        """A small square for a cloth or an object, (side, side, 3) uint8."""
        if self.files and rng.random() < 0.5:
            return cut_window(
                self._load(self.files[int(rng.integers(len(self.files)))]), rng, (side, side), 0.1
            )
        return pattern(rng, side)

    def _load(self, file: Path) -> np.ndarray:
        if file in self._kept:
            self._kept.move_to_end(file)
            return self._kept[file]
        self._kept[file] = read_reduced(file)
        if len(self._kept) > KEEP:
            self._kept.popitem(last=False)
        return self._kept[file]


def read_reduced(file: Path) -> np.ndarray:
    """Read a photograph (RGB uint8), halved until its longer side is about MAX_SIDE or less."""
    data = np.fromfile(file, np.uint8)
    flag, side = cv2.IMREAD_COLOR, jpeg_side(data)
    for step in (cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_REDUCED_COLOR_4):
        if side > 1.25 * MAX_SIDE:  # OpenCV reads a JPEG at a half or a quarter more quickly
            flag, side = step, side / 2
    image = cv2.imdecode(data, flag) if len(data) else None
    if image is None:
        raise ValueError(f"{file} is not an image that OpenCV reads")
    while max(image.shape[:2]) > 1.25 * MAX_SIDE:
        image = halved(image)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def jpeg_side(data: np.ndarray) -> float:
    """The longer side of a JPEG (n,) uint8 in pixels, from its frame header; 0 without one."""
    place = 2
    while len(data) > place + 9 and data[0] == 0xFF and data[place] == 0xFF:
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = data[place + 5 : place + 9].astype(int).reshape(2, 2) @ [256, 1]
            return float(max(height, width))
        place += 2 + int(data[place + 2]) * 256 + int(data[place + 3])
    return 0.0


def halved(image: np.ndarray) -> np.ndarray:
    """An image at half its size; even sides make this ten times as fast as other reductions."""
    height, width = image.shape[0] & ~1, image.shape[1] & ~1
    size = (width // 2, height // 2)
    return np.asarray(cv2.resize(image[:height, :width], size, interpolation=cv2.INTER_AREA))


def cut_window(
    photo: np.ndarray, rng: np.random.Generator, size: tuple[int, int], smallest: float
) -> np.ndarray:
    """A random, mirrored or not, part of a photograph at `size`."""
    aspect = size[0] / size[1]
    height = min(photo.shape[0], photo.shape[1] / aspect) * rng.uniform(smallest, 1.0)
    width = height * aspect
    x = rng.uniform(0, photo.shape[1] - width)
    y = rng.uniform(0, photo.shape[0] - height)
    part = photo[int(y) : int(y + height) + 1, int(x) : int(x + width) + 1]
    while part.shape[0] >= 2 * size[1] and part.shape[1] >= 2 * size[0]:
        part = halved(part)
    part = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
    return part[:, ::-1] if rng.random() < 0.5 else part


def fractal(
    rng: np.random.Generator, size: tuple[int, int], first: int = 1, last: int = 6
) -> np.ndarray:
    """Smooth noise (H, W) float32 of about unit variance."""
    field = np.zeros((size[1], size[0]), np.float32)
    for octave in range(first, last):
        noise = rng.standard_normal((2**octave + 1, 2**octave + 1)).astype(np.float32)
        field += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC) * 0.6 ** (octave - first)
    return field / max(float(field.std()), 1e-3)


def procedural_backdrop(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A wall, a gradient, clouds of colour or overlapping shapes."""
    kind = rng.random()
    base = _color(rng)
    image = np.ones((size[1], size[0], 3), np.float32) * base
    if kind < 0.45:  # a wall, lit from somewhere
        image *= (1 + rng.uniform(0, 0.12) * fractal(rng, size, 1, 3))[..., None]
        x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
        cx, cy = rng.uniform(-0.6, 0.6, 2)
        image *= (1 - rng.uniform(0, 0.35) * ((x - cx) ** 2 + (y - cy) ** 2))[..., None].clip(0.2)
    elif kind < 0.65:
        field = fractal(rng, size)[..., None]
        image += (_color(rng) - base) * (0.5 + 0.4 * field).clip(0, 1)
    else:
        for _ in range(int(rng.integers(3, 16))):
            center = rng.uniform(0, 1, 2) * size
            points = (
                center
                + rng.normal(0, rng.uniform(0.05, 0.4), (int(rng.integers(3, 7)), 2)) * size[0]
            )
            hull = cv2.convexHull(points.astype(np.int32))
            cv2.fillConvexPoly(image, hull, tuple(float(c) for c in _color(rng)), cv2.LINE_AA)
        image *= (1 + 0.08 * fractal(rng, size, 2, 6))[..., None]
    return image.clip(0, 255).astype(np.uint8)


def pattern(rng: np.random.Generator, side: int) -> np.ndarray:
    """A cloth: plain, woven, striped, checked or dotted, (side, side, 3) uint8."""
    a, b = _color(rng), _color(rng)
    y, x = np.mgrid[0:side, 0:side] / side
    kind = rng.choice(
        ["plain", "weave", "stripes", "checks", "dots"], p=[0.45, 0.2, 0.15, 0.1, 0.1]
    )
    n = int(rng.integers(3, 14))
    mix = np.zeros((side, side))
    if kind == "weave":
        mix = 0.3 * (np.sin(x * 6.28 * n * 2) * np.sin(y * 6.28 * n * 2) + 1) / 2
    elif kind == "stripes":
        mix = (np.sin((y if rng.random() < 0.7 else x) * 6.28 * n) > rng.uniform(-0.5, 0.5)) * 1.0
    elif kind == "checks":
        mix = (np.sin(x * 6.28 * n) > 0) * 0.5 + (np.sin(y * 6.28 * n) > 0) * 0.5
    elif kind == "dots":
        mix = ((np.sin(x * 6.28 * n) * np.sin(y * 6.28 * n)) > 0.5) * 1.0
    image = a + (b - a) * mix[..., None]
    image = image * (1 + 0.05 * fractal(rng, (side, side), 3, 6))[..., None]
    return image.clip(0, 255).astype(np.uint8)


def _color(rng: np.random.Generator) -> np.ndarray:
    """A colour as things have it: mostly dull, any lightness."""
    value = rng.uniform(15, 245)
    return (value + rng.normal(0, 1, 3) * rng.uniform(2, 45)).clip(4, 250)

"""Occluders: one to three textured ovals or cuboids in front of a hand."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from hand_pose_25d_train.augmentation.transfer import as_arrays, on

_MOST = 3
RADIUS = (0.04, 0.16)
"""In crop sides."""
PLAIN = 0.3
"""Share of the occluders that are of one colour."""
_SUBPIXEL_BITS = 4
_CIRCLE = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_OVAL = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)])  # (2, 48)
_SQUARE = np.array([[1, 1, -1, -1], [1, -1, -1, 1]])  # (2, 4)


@dataclass(frozen=True)
class Faces:
    """n shapes as one sees them: ovals |x| <= 1, or parallelograms |x|, |y| <= 1."""

    center: np.ndarray
    """(n, 2) px"""
    sides: np.ndarray
    """(n, 2, 2) px: the half axes, as columns; all 0 for a shape that is not there."""
    brightness: np.ndarray
    """(n,) factors of the texture."""
    is_oval: np.ndarray
    """(n,) bool"""


@dataclass(frozen=True)
class Occluder:
    """One occluder for each of n images."""

    faces: tuple[Faces, ...]
    """The three faces of a cuboid; the first alone is an oval."""
    rolls: np.ndarray
    """(n, 2) rows and columns by which the texture is rolled."""
    colour: np.ndarray
    """(n, 3) float32, NaN where the texture is shown."""


@dataclass(frozen=True)
class Occlusion:
    """Occluders on n images, and what they are covered with."""

    textures: Tensor
    """(n, 3, S, S) uint8 on the device of the images."""
    number: np.ndarray
    """(n,) of occluders, 1 ... 3"""
    occluders: tuple[Occluder, ...]

    @classmethod
    def draw(cls, textures: Tensor, rng: np.random.Generator) -> Occlusion:
        """Draw occluders for as many images as there are textures (n, 3, S, S)."""
        count, size = len(textures), textures.shape[-1]
        number = rng.integers(1, _MOST + 1, count)
        return cls(textures, number, tuple(_occluder(count, size, rng) for _ in range(_MOST)))

    def on_array(self, image: np.ndarray, i: int) -> np.ndarray:
        """Fill polygons."""
        texture = as_arrays(self.textures[i : i + 1])[0]
        for occluder in self.occluders[: self.number[i]]:
            for faces in occluder.faces:
                _fill(image, texture, occluder, faces, i)
        return image

    def on_tensor(self, images: Tensor) -> Tensor:
        """Look for every pixel whether it lies in a face."""
        images, textures = images.clone(), self.textures.float()
        for already, occluder in enumerate(self.occluders):
            there = on(images.device, self.number > already)[:, None, None]
            shade = _shade(occluder.faces, images.shape[-1], images.device) * there
            colour = on(images.device, occluder.colour)[..., None, None]
            cover = torch.where(colour.isnan(), _rolled(textures, occluder.rolls), colour)
            covered = (cover * shade[:, None]).clamp(0, 255)
            images = torch.where(shade[:, None] > 0, covered, images)
        return images


def _occluder(count: int, size: int, rng: np.random.Generator) -> Occluder:
    center = rng.uniform(0, size, (count, 2))
    radius = rng.uniform(*RADIUS, count) * size
    is_oval = rng.random(count) < 0.5
    faces = _with_ovals(_cuboid(center, radius, rng), center, radius, is_oval, rng)
    colour = rng.integers(0, 256, (count, 3)).astype(np.float32)
    colour[rng.random(count) >= PLAIN] = np.nan
    return Occluder(faces, rng.integers(size, size=(count, 2)), colour)


def _cuboid(center: np.ndarray, radius: np.ndarray, rng: np.random.Generator) -> list[Faces]:
    """Draw n turned cuboids about centres (n, 2) px: the three faces that one sees of each."""
    count = len(radius)
    axes, _ = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    axes = axes * np.where(axes[:, 2:] > 0, -1, 1)  # columns that point at the viewer (z < 0)
    half = axes * (radius[:, None] * np.exp(rng.normal(0, 0.3, (count, 3))))[:, None]
    faces = []
    for i in range(3):
        sides = half[:, :2, [(i + 1) % 3, (i + 2) % 3]]
        brightness = 0.5 + 0.7 * np.abs(axes[:, 2, i])
        faces.append(Faces(center + half[:, :2, i], sides, brightness, np.zeros(count, bool)))
    return faces


def _with_ovals(
    cuboid: list[Faces],
    center: np.ndarray,
    radius: np.ndarray,
    is_oval: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Faces, ...]:
    """Put turned ovals in the places of some cuboids."""
    count = len(radius)
    axes = radius[:, None] * np.exp(rng.normal(0, 0.4, (count, 2))) + 1
    angle = rng.uniform(0, np.pi, count)
    cos, sin = np.cos(angle), np.sin(angle)
    oval = np.stack([cos, -sin, sin, cos], -1).reshape(-1, 2, 2) * axes[:, None]
    shade = rng.uniform(0.6, 1.2, count)
    first, *others = cuboid
    chosen = is_oval[:, None]
    return (
        Faces(
            np.where(chosen, center, first.center),
            np.where(chosen[..., None], oval, first.sides),
            np.where(is_oval, shade, first.brightness),
            is_oval,
        ),
        *(Faces(f.center, np.where(chosen[..., None], 0.0, f.sides), f.brightness, f.is_oval)
          for f in others),
    )  # fmt: skip


def _fill(
    image: np.ndarray, texture: np.ndarray, occluder: Occluder, faces: Faces, i: int
) -> None:
    """Cover what the i-th face hides of an image, in place."""
    size = image.shape[0]
    outline = faces.sides[i] @ (_OVAL if faces.is_oval[i] else _SQUARE) + faces.center[i][:, None]
    u, v = np.floor(outline.min(1)).clip(0, size).astype(int).tolist()
    u_end, v_end = (np.ceil(outline.max(1)) + 1).clip(0, size).astype(int).tolist()
    if u >= u_end or v >= v_end or abs(np.linalg.det(faces.sides[i])) < 1:
        return
    mask = np.zeros((v_end - v, u_end - u), np.uint8)
    corners = ((outline.T - (u, v)) * (1 << _SUBPIXEL_BITS)).round().astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 255, shift=_SUBPIXEL_BITS)
    rolls, colour = occluder.rolls[i], occluder.colour[i]
    if np.isnan(colour[0]):
        rows = np.arange(v - rolls[0], v_end - rolls[0])
        columns = np.arange(u - rolls[1], u_end - rolls[1])
        cover = texture.take(rows, 0, mode="wrap").take(columns, 1, mode="wrap")
        cover = cv2.convertScaleAbs(cover, alpha=float(faces.brightness[i]))
        cv2.copyTo(cover, mask, image[v:v_end, u:u_end])
    else:
        shaded = (colour * faces.brightness[i]).clip(0, 255).round()
        image[v:v_end, u:u_end][mask > 0] = shaded


def _shade(faces: tuple[Faces, ...], size: int, device: torch.device) -> Tensor:
    """(n, S, S): the brightness where one of the faces is, 0 elsewhere."""
    line = torch.arange(size, dtype=torch.float32, device=device)
    shade = torch.zeros((len(faces[0].center), size, size), device=device)
    for face in faces:
        thin = np.abs(np.linalg.det(face.sides)) < 1  # seen from the side, or not there
        inverse = np.linalg.inv(np.where(thin[:, None, None], np.eye(2), face.sides))
        offset = -np.einsum("nij,nj->ni", inverse, face.center)
        terms = on(device, np.concatenate([inverse, offset[..., None]], -1))[..., None]
        x, y = (  # every pixel in the face's own coordinates
            (terms[:, i, 0] * line)[:, None] + (terms[:, i, 1] * line + terms[:, i, 2])[..., None]
            for i in range(2)
        )
        is_oval = on(device, face.is_oval)[:, None, None]
        distance = torch.where(is_oval, x.square() + y.square(), torch.maximum(x.abs(), y.abs()))
        inside = (distance <= 1) & ~on(device, thin)[:, None, None]
        shade = torch.where(inside, on(device, face.brightness)[:, None, None], shade)
    return shade


def _rolled(textures: Tensor, rolls: np.ndarray) -> Tensor:
    """Roll (n, 3, S, S) textures down and to the right, each by its (n, 2) amounts."""
    size = textures.shape[-1]
    index = on(textures.device, (np.arange(size) - rolls[..., None]) % size)
    images = torch.arange(len(textures), device=textures.device)[:, None, None]
    pixels = textures.permute(0, 2, 3, 1)[images, index[:, 0, :, None], index[:, 1, None, :]]
    return pixels.permute(0, 3, 1, 2)

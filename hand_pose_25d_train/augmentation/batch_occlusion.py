"""`augment.occlude` for whole batches of tensors: one to three textured ovals or cuboids each."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hand_pose_25d_train.datasets.transfer import on

MOST = 3


def occlude(images: Tensor, textures: Tensor, rng: np.random.Generator) -> Tensor:
    """Cover parts of (B, 3, S, S) images with (B, 3, S, S) textures."""
    count, size = len(images), images.shape[-1]
    number = rng.integers(1, MOST + 1, count)
    line = torch.arange(size, dtype=torch.float32, device=images.device)
    images = images.clone()
    for turn in range(MOST):
        rows = np.flatnonzero(number > turn)
        if not len(rows):
            break
        places = on(images.device, rows)
        center = rng.uniform(0, size, (len(rows), 2))
        radius = rng.uniform(0.04, 0.16, len(rows)) * size
        cover = _covers(textures[places], rng)
        is_oval = rng.random(len(rows)) < 0.5
        shade = torch.zeros((len(rows), size, size), device=images.device)
        for chosen, drawn in ((is_oval, _ovals), (~is_oval, _cuboids)):
            some = np.flatnonzero(chosen)
            if len(some):
                shade[on(images.device, some)] = drawn(center[some], radius[some], line, rng)
        covered = (cover * shade[:, None]).clamp(0, 255)
        images[places] = torch.where(shade[:, None] > 0, covered, images[places])
    return images


def _covers(textures: Tensor, rng: np.random.Generator) -> Tensor:
    """Roll each texture by its own amounts; a third of them become one colour."""
    count, _, size, _ = textures.shape
    rolls = rng.integers(size, size=(count, 2))
    index = (np.arange(size)[None, :, None] + rolls[:, None, :]) % size  # (B, S, 2)
    v, u = on(textures.device, index).unbind(-1)
    rows = torch.arange(count, device=textures.device)[:, None, None]
    rolled = textures.permute(0, 2, 3, 1)[rows, v[:, :, None], u[:, None, :]].permute(0, 3, 1, 2)
    plain = rng.integers(0, 256, (count, 3, 1, 1)).astype(np.float32)
    is_plain = on(textures.device, rng.random((count, 1, 1, 1)) < 0.3)
    return torch.where(is_plain, on(textures.device, plain), rolled)


def _ovals(
    center: np.ndarray, radius: np.ndarray, line: Tensor, rng: np.random.Generator
) -> Tensor:
    """(B, S, S): the brightness where an oval is, 0 elsewhere."""
    count = len(radius)
    axes = radius[:, None] * np.exp(rng.normal(0, 0.4, (count, 2))) + 1
    angle = rng.uniform(0, np.pi, count)
    to_oval = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], -1)
    to_oval = to_oval.reshape(-1, 2, 2) / axes[:, :, None]
    place = _coordinates(center, to_oval, line)
    shade = on(line.device, rng.uniform(0.6, 1.2, (count, 1, 1)))
    return torch.where(place.square().sum(-1) <= 1, shade, 0.0)


def _cuboids(
    center: np.ndarray, radius: np.ndarray, line: Tensor, rng: np.random.Generator
) -> Tensor:
    """(B, S, S): the brightness where one of the three visible faces is, 0 elsewhere."""
    count = len(radius)
    axes, _ = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    axes = axes * np.where(axes[:, 2:] > 0, -1, 1)  # columns that point at the viewer (z < 0)
    half = axes * (radius[:, None] * np.exp(rng.normal(0, 0.3, (count, 3))))[:, None]
    shade = torch.zeros((count, len(line), len(line)), device=line.device)
    for i in range(3):
        sides = half[:, :2, [(i + 1) % 3, (i + 2) % 3]]
        area = np.linalg.det(sides)
        thin = np.abs(area) < 1e-3  # seen from the side
        sides = np.where(thin[:, None, None], np.eye(2), sides)
        inside = (
            _coordinates(center + half[:, :2, i], np.linalg.inv(sides), line).abs().amax(-1) <= 1
        )
        inside &= ~on(line.device, thin)[:, None, None]
        brightness = on(line.device, 0.5 + 0.7 * np.abs(axes[:, 2, i])[:, None, None])
        shade = torch.where(inside, brightness, shade)
    return shade


def _coordinates(center: np.ndarray, matrix: np.ndarray, line: Tensor) -> Tensor:
    """(B, S, S, 2): every pixel relative to the centres (B, 2), by the matrices (B, 2, 2)."""
    v, u = torch.meshgrid(line, line, indexing="ij")
    relative = torch.stack([u, v], -1)[None] - on(line.device, center)[:, None, None]
    return relative @ on(line.device, matrix)[:, None].transpose(-1, -2)

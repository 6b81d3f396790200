"""Crops that live on the device that trains: rendered ones, photographs, backgrounds.

A pool keeps its images as bytes on the device and its labels as arrays beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d_train.augmentation.transfer import on
from hand_pose_25d_train.augmentation.virtual_cameras import identity, read_pixels
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.training_images import Labels, TrainingImage, TrainingImages

PHOTO_MARGIN = 1.6
"""Photographs are kept as crops so much wider than their regions, as room for the jitter."""
_AT_ONCE = 256


class Pool:
    """A ring of square images: beyond its capacity new ones take the oldest ones' places."""

    def __init__(self, capacity: int, side: int, device: torch.device, masks: bool = False):
        """Memory on the device: capacity x side^2 x 3 bytes, with masks 4."""
        shape = (capacity, side, side)
        self.side = side
        self.capacity = capacity
        self.images = torch.zeros((*shape, 3), dtype=torch.uint8, device=device)
        self.masks = torch.zeros(shape, dtype=torch.uint8, device=device) if masks else None
        self.focal = np.ones(capacity)
        self.labels = Labels(capacity)
        self.written = 0
        """Images that were ever put in."""
        self._lock = threading.Lock()  # held while images are put in or drawn

    def __len__(self) -> int:
        return min(self.written, self.capacity)

    def extend(self, images: Iterable[TrainingImage]) -> None:
        """Put images in.

        Raises ValueError for those of another size, and where a hand's camera is not a pinhole
        whose axis meets the image in its middle.
        """
        source = iter(images)
        while some := list(islice(source, min(_AT_ONCE, self.capacity))):
            self._put(some)

    def _put(self, some: list[TrainingImage]) -> None:
        focal = [self._focal(one) for one in some]
        rows = (self.written + np.arange(len(some))) % self.capacity
        device = self.images.device
        places = torch.from_numpy(rows).to(device)
        images = torch.from_numpy(np.stack([one.image for one in some])).to(device)
        masks = None
        if self.masks is not None:
            blank = np.full((self.side, self.side), 255, np.uint8)
            stack = np.stack([blank if one.mask is None else one.mask for one in some])
            masks = torch.from_numpy(stack).to(device)
        with self._lock:
            self.images[places] = images
            if self.masks is not None and masks is not None:
                self.masks[places] = masks
            self.focal[rows] = focal
            for row, one in zip(rows, some, strict=True):
                self.labels.put(row, one)
            self.written += len(some)

    def _focal(self, one: TrainingImage) -> float:
        if one.image.shape != (self.side, self.side, 3):
            raise ValueError(
                f"an image is {one.image.shape}, this pool holds {self.side} x {self.side}"
            )
        if one.camera is None:
            return 1.0
        focal, middle = one.camera.fx, (self.side - 1) / 2
        found = (one.camera.fy, one.camera.cx, one.camera.cy)
        centred = np.allclose(found, (focal, middle, middle), rtol=1e-4)
        if one.camera.is_distorted or not centred:
            raise ValueError("only crops can stay on the device: render --mode crops")
        return focal

    def draw(self, count: int, rng: np.random.Generator) -> TrainingImages:
        """Return so many images."""
        rows = rng.integers(max(len(self), 1), size=count)
        places = on(self.images.device, rows)
        with self._lock:
            masks = [None] * count if self.masks is None else self.masks[places]
            return self.labels.rows(rows, self.images[places], self.focal[rows], masks)

    def crops(self, count: int, size: int, rng: np.random.Generator) -> Tensor:
        """Return so many whole images, (count, 3, size, size) uint8, half of them mirrored."""
        places = on(self.images.device, rng.integers(len(self), size=count))
        images = self.images[places].permute(0, 3, 1, 2)
        if size != self.side:
            whole = on(images.device, identity(self.side, count, size))
            images = read_pixels(images.float(), whole, size).round().byte()
        flipped = on(images.device, rng.random((count, 1, 1, 1)) < 0.5)
        return torch.where(flipped, images.flip(-1), images)


def wide_crop(photo: TrainingImage, side: int) -> TrainingImage:
    """Make an image for a pool of a photograph: a crop of its hand and what is around it."""
    assert photo.camera is not None
    ideal = Region.from_keypoints(photo.uv)
    wide = Region(ideal.center, ideal.size * PHOTO_MARGIN, ideal.angle)
    camera = VirtualCamera.from_region(photo.camera, wide, side)
    middle = (side - 1) / 2
    return replace(
        photo,
        image=camera.sample(photo.image),
        camera=Camera(camera.focal, camera.focal, middle, middle, side, side),
        uv=camera.image_to_crop(photo.uv),
        mask=None if photo.mask is None else camera.sample(photo.mask),
    )


def background_images(
    backgrounds: Backgrounds, count: int, side: int, seed: int
) -> Iterator[TrainingImage]:
    """Draw crops of backgrounds, which show no hand; several at a time."""

    def draw(number: int) -> TrainingImage:
        return TrainingImage(backgrounds.draw(side, np.random.default_rng((seed, number))))

    with ThreadPoolExecutor() as pool:
        yield from pool.map(draw, range(count))

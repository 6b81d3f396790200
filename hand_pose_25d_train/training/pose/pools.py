"""Crops that live on the device that trains: rendered ones, photographs, backgrounds.

A pool keeps its images as bytes on the device and its labels as arrays beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.photos import LabelledPhoto

PHOTO_MARGIN = 1.6
"""Photographs are kept as views so much wider than their regions, as room for the jitter."""
_AT_ONCE = 256


@dataclass
class Entry:
    """One image of a pool, (S, S, 3) uint8 by a camera whose axis is the image's middle."""

    image: np.ndarray
    focal: float = 1.0
    uv: np.ndarray = field(default_factory=lambda: np.zeros((NUM_KEYPOINTS, 2)))
    keypoints: np.ndarray = field(default_factory=lambda: np.ones((NUM_KEYPOINTS, 3)))
    """(21, 3) m; of photographs, ones."""
    depth: np.ndarray = field(default_factory=lambda: np.zeros(NUM_KEYPOINTS))
    """(21,) weak depths of photographs."""
    is_right: bool = False
    has_hand: bool = False
    mask: np.ndarray | None = None
    """(S, S) uint8: where the photograph is not to be replaced."""


class Pool:
    """A ring of entries: beyond its capacity new ones take the oldest ones' places."""

    def __init__(self, capacity: int, side: int, device: torch.device, masks: bool = False):
        """Memory on the device: capacity x side^2 x 3 bytes, with masks 4."""
        shape = (capacity, side, side)
        self.side = side
        self.capacity = capacity
        self.images = torch.zeros((*shape, 3), dtype=torch.uint8, device=device)
        self.masks = torch.zeros(shape, dtype=torch.uint8, device=device) if masks else None
        self.focal = np.ones(capacity)
        self.uv = np.zeros((capacity, NUM_KEYPOINTS, 2))
        self.keypoints = np.ones((capacity, NUM_KEYPOINTS, 3))
        self.depth = np.zeros((capacity, NUM_KEYPOINTS))
        self.is_right = np.zeros(capacity, bool)
        self.has_hand = np.zeros(capacity, bool)
        self.has_mask = np.zeros(capacity, bool)
        self.lock = threading.Lock()
        """Held while entries are put in, and by whoever reads images and their labels."""
        self.written = 0
        """Entries that were ever put in."""

    def __len__(self) -> int:
        return min(self.written, self.capacity)

    def extend(self, entries: Iterable[Entry]) -> None:
        """Put entries in.  Raises ValueError for images of another size."""
        source = iter(entries)
        while some := list(islice(source, min(_AT_ONCE, self.capacity))):
            self._put(some)

    def _put(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.image.shape != (self.side, self.side, 3):
                raise ValueError(
                    f"an image is {entry.image.shape}, this pool holds {self.side} x {self.side}"
                )
        rows = (self.written + np.arange(len(entries))) % self.capacity
        device = self.images.device
        places = torch.from_numpy(rows).to(device)
        images = torch.from_numpy(np.stack([e.image for e in entries])).to(device)
        masks = None
        if self.masks is not None:
            blank = np.full((self.side, self.side), 255, np.uint8)
            stack = np.stack([blank if e.mask is None else e.mask for e in entries])
            masks = torch.from_numpy(stack).to(device)
        with self.lock:
            self.images[places] = images
            if self.masks is not None and masks is not None:
                self.masks[places] = masks
            for row, entry in zip(rows, entries, strict=True):
                self.focal[row], self.uv[row] = entry.focal, entry.uv
                self.keypoints[row], self.depth[row] = entry.keypoints, entry.depth
                self.is_right[row], self.has_hand[row] = entry.is_right, entry.has_hand
                self.has_mask[row] = entry.mask is not None
            self.written += len(entries)


def photo_entry(photo: LabelledPhoto, side: int) -> Entry:
    """Make the entry of a photograph: a view of its hand and what is around it."""
    ideal = Region.from_keypoints(photo.uv)
    wide = Region(ideal.center, ideal.size * PHOTO_MARGIN, ideal.angle)
    view = VirtualCamera.from_region(photo.camera, wide, side)
    mask = None
    if photo.mask is not None:
        mask = (view.sample(photo.mask) * 255 + 0.5).astype(np.uint8)
    return Entry(
        view.sample(photo.image),
        view.focal,
        view.image_to_crop(photo.uv),
        depth=photo.weak_depth,
        is_right=photo.is_right,
        has_hand=True,
        mask=mask,
    )


def background_entries(
    backgrounds: Backgrounds, count: int, side: int, seed: int
) -> Iterator[Entry]:
    """Draw crops of backgrounds, which show no hand; several at a time."""

    def draw(number: int) -> Entry:
        return Entry(backgrounds.draw(side, np.random.default_rng((seed, number))))

    with ThreadPoolExecutor() as pool:
        yield from pool.map(draw, range(count))

"""Batches made on the device that trains: `data.mixing.Mixture` for a GPU.

A GPU takes crops faster than its machine's cores can cut, warp and spoil them.  Here the crops
stay on it as bytes; the cores only draw numbers.  What a batch holds is a function of (seed, step,
rank), and of the renders that have come by then where some are still coming.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.augmentation.batch_augment import augment
from hand_pose_25d_train.augmentation.batch_crop import (
    Views,
    ideal_regions,
    identity,
    jittered,
    read_pixels,
)
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.mixing import RENDERED_SHARE, stratified
from hand_pose_25d_train.datasets.photos import LabelledPhoto
from hand_pose_25d_train.datasets.training_sample import Jitter
from hand_pose_25d_train.datasets.transfer import on
from hand_pose_25d_train.training.config import DataConfig
from hand_pose_25d_train.training.pose.arrivals import Arrivals, wait_for_side
from hand_pose_25d_train.training.pose.pools import Pool, background_entries, photo_entry

BACKGROUNDS = 8192
"""Crops of backgrounds that are kept."""
PHOTO_SIDE = 1.5
"""Photographs' views are so much larger than the network's crops: they are wider, too."""

Batch = dict[str, Tensor]


class ResidentMixture:
    """Pools of renders, photographs and backgrounds, and the batches of every step."""

    def __init__(
        self,
        data: DataConfig,
        renders: list[Path],
        photos: list[LabelledPhoto],
        backgrounds: Backgrounds,
        size: int,
        device: torch.device,
        seed: int = 0,
        rank: int = 0,
        capacity: int = 100_000,
    ) -> None:
        """`capacity`: rendered crops kept, the newest.

        Raises ValueError for the paper's jitter, where no renders are named, for a `size` that is
        no multiple of 16 and a capacity below 1, FileNotFoundError where no renders come.
        """
        if not isinstance(data.jitter, Jitter):
            raise ValueError("a resident training takes the jitter of the realtime network only")
        if not renders:
            raise ValueError("a resident training needs --renders")
        if size % 16:
            raise ValueError(f"a resident training makes crops of multiples of 16 px, not {size}")
        if capacity < 1:
            raise ValueError(f"a resident training keeps at least 1 rendered crop, not {capacity}")
        self.data = data
        self.size = size
        self.device = device
        self.seed, self.rank = seed, rank
        self.behind = Pool(BACKGROUNDS, size, device)
        self.behind.extend(background_entries(backgrounds, BACKGROUNDS, size, seed))
        side = round(PHOTO_SIDE * size)
        self.photos = Pool(max(len(photos), 1), side, device, masks=True)
        self.photos.extend(photo_entry(photo, side) for photo in photos)
        self.renders = Pool(capacity, wait_for_side(renders), device)
        self.arrivals = Arrivals(renders, self.renders)
        self.arrivals.load()

    def batches(self, start: int, end: int) -> Iterator[dict[str, Any]]:
        """Iterate over the batches of steps start ... end."""
        self.arrivals.follow()
        try:
            for step in range(start, end):
                yield self.batch(step)
        finally:
            self.arrivals.end()

    @torch.no_grad()
    def batch(self, step: int) -> Batch:
        """Make the batch of a step: what `TrainingSample.tensors` names, stacked."""
        rng = np.random.default_rng((self.seed, self.rank, step))
        generator = torch.Generator(self.device)
        generator.manual_seed(int(rng.integers(2**62)))
        data, count = self.data, self.data.batch_size
        share_2d = data.share_2d if len(self.photos) else 0.0
        shares = [share_2d, data.share_3d]
        shares.append(data.share_empty * sum(share > 0 for share in shares))
        kinds = stratified(shares, count, rng)
        n_photos, n_renders, n_empty = np.bincount(kinds, minlength=3)
        parts = [self._hands(self.photos, n_photos, rng, data.weak_depth)]
        with self.renders.lock:
            parts.append(self._hands(self.renders, n_renders, rng, 1.0))
        parts.append(self._empty(n_empty, rng))
        batch = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        is_render = np.repeat([False, True, False], [n_photos, n_renders, n_empty])
        rows = np.flatnonzero(~is_render | (rng.random(count) < RENDERED_SHARE))
        places = on(self.device, rows)
        images = batch["image"].round()
        images[places] = augment(
            images[places], self._behind(len(rows), rng), data.augmentation, rng, generator
        )
        batch["image"] = images
        return batch

    def _behind(self, count: int, rng: np.random.Generator) -> Tensor:
        """(count, 3, S, S) float32 crops of backgrounds."""
        rows = on(self.device, rng.integers(len(self.behind), size=count))
        images = self.behind.images[rows].permute(0, 3, 1, 2).float()
        flipped = on(self.device, rng.random((count, 1, 1, 1)) < 0.5)
        return torch.where(flipped, images.flip(-1), images)

    def _empty(self, count: int, rng: np.random.Generator) -> Batch:
        nothing = np.zeros((count, NUM_KEYPOINTS))
        return self._batch(
            self._behind(count, rng), np.zeros((count, NUM_KEYPOINTS, 2)), nothing, nothing,
            nothing, *np.zeros((5, count)),
        )  # fmt: skip

    def _hands(
        self, pool: Pool, count: int, rng: np.random.Generator, depth_weight: float
    ) -> Batch:
        """Draw from a pool, as `RenderSource.draw` and `PhotoSource.draw` do."""
        rows = rng.integers(max(len(pool), 1), size=count)
        has_hand, is_right = pool.has_hand[rows], pool.is_right[rows]
        jitter = self.data.jitter
        assert isinstance(jitter, Jitter)
        looks_right = rng.random(count) >= jitter.wrong_side
        hands = np.flatnonzero(has_hand)
        homographies = identity(pool.side, count, self.size)
        uv = np.zeros((count, NUM_KEYPOINTS, 2))
        uv_weight, depth = np.zeros((2, count, NUM_KEYPOINTS))
        exact, focal = pool is self.renders, np.ones(count)
        if len(hands):
            chosen = rows[hands]
            views = Views.of(
                pool.focal[chosen],
                pool.side,
                jittered(ideal_regions(pool.uv[chosen]), jitter, rng),
                self.size,
                (looks_right != is_right)[hands],
            )
            homographies[hands] = views.homographies
            uv[hands], uv_weight[hands] = views.labels(pool.uv[chosen])
            focal[hands] = views.focal
            depth[hands] = views.depths(pool.keypoints[chosen]) if exact else pool.depth[chosen]
        places = on(self.device, rows)
        pixels = pool.images[places].permute(0, 3, 1, 2).float()
        images = read_pixels(pixels, on(self.device, homographies), self.size)
        if pool.masks is not None:
            images = self._before_others(pool, rows, images, homographies, rng)
        weight = depth_weight * has_hand[:, None] * np.ones(NUM_KEYPOINTS)
        return self._batch(
            images, uv, uv_weight, depth, weight, has_hand, looks_right & has_hand, has_hand,
            focal, has_hand & (not exact),
        )  # fmt: skip

    def _before_others(
        self,
        pool: Pool,
        rows: np.ndarray,
        images: Tensor,
        homographies: np.ndarray,
        rng: np.random.Generator,
    ) -> Tensor:
        """Put other backgrounds behind most of the photographs that have masks."""
        replaced = pool.has_mask[rows] & (rng.random(len(rows)) < self.data.replace_background)
        some = np.flatnonzero(replaced)
        if not len(some) or pool.masks is None:
            return images
        places = on(self.device, some)
        masks = pool.masks[on(self.device, rows[some])][:, None].float()
        masks = read_pixels(masks, on(self.device, homographies[some]), self.size) / 255
        behind = self._behind(len(some), rng)
        images[places] = images[places] * masks + behind * (1 - masks)
        return images

    def _batch(self, images: Tensor, *labels: np.ndarray) -> Batch:
        names = (
            "uv", "uv_weight", "depth", "depth_weight", "presence", "right", "right_weight",
            "focal", "bones",
        )  # fmt: skip
        values = [on(self.device, np.asarray(value, np.float64)) for value in labels]
        return {"image": images, **dict(zip(names, values, strict=True))}

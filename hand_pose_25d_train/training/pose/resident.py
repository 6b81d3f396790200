"""Batches made on the device that trains: a mixture whose images live there.

A GPU takes crops faster than its machine's cores can cut, warp and augment them.  Here the images
stay on it as bytes; the cores only draw numbers.  What a batch holds is a function of (seed, step,
rank), and of the renders that have come by then where some are still coming.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from hand_pose_25d_train.augmentation.regions import Jitter
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.mixing import EmptySource, Mixture
from hand_pose_25d_train.datasets.photos import LabelledPhoto
from hand_pose_25d_train.datasets.training_images import TrainingSource
from hand_pose_25d_train.training.config import DataConfig
from hand_pose_25d_train.training.pose.arrivals import Arrivals, wait_for_side
from hand_pose_25d_train.training.pose.pools import Pool, background_images, wide_crop

BACKGROUNDS = 8192
"""Crops of backgrounds that are kept."""
_PHOTO_SIDE = 1.5
"""Photographs' crops are so much larger than the network's crops: they are wider, too."""


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
        steps: int,
        seed: int = 0,
        rank: int = 0,
        capacity: int = 100_000,
    ) -> None:
        """`capacity`: rendered crops kept, the newest.

        Raises ValueError for the paper's jitter, where no renders are named and for a capacity
        below 1, FileNotFoundError where no renders come.
        """
        if not isinstance(data.jitter, Jitter):
            raise ValueError(
                "training with --resident takes the jitter of the shipped networks only"
            )
        if not renders:
            raise ValueError("training with --resident needs --renders")
        if capacity < 1:
            raise ValueError(
                f"training with --resident keeps at least 1 rendered crop, not {capacity}"
            )
        behind = Pool(BACKGROUNDS, size, device)
        behind.extend(background_images(backgrounds, BACKGROUNDS, size, seed))
        sources: list[tuple[TrainingSource, float]] = []
        if photos:
            side = round(_PHOTO_SIDE * size)
            pool = Pool(len(photos), side, device, masks=True)
            given = (photo.training_image(data.weak_depth) for photo in photos)
            pool.extend(wide_crop(photo, side) for photo in given)
            sources.append((pool, data.share_2d))
        self.renders = Pool(capacity, wait_for_side(renders), device)
        self.arrivals = Arrivals(renders, self.renders)
        self.arrivals.load()
        sources.append((self.renders, data.share_3d))
        sources.append((EmptySource(behind, size), data.share_empty * len(sources)))
        self.mixture = Mixture(
            sources,
            behind,
            data.batch_size,
            steps,
            size,
            data.jitter,
            data.augmentation,
            data.replace_background,
            seed,
            rank,
        )

    def batches(self, start: int) -> Iterator[dict[str, Any]]:
        """Iterate over the batches of all steps from `start` on."""
        self.arrivals.follow()
        try:
            for step in range(start, len(self.mixture)):
                yield self.mixture[step]
        finally:
            self.arrivals.end()

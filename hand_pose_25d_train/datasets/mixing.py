"""Batches that mix 2D-only photographs, rendered hands with 3D, and crops without a hand.

The paper takes 2D-only and 3D samples with equal probability (Section 5).  What a batch holds is a
function of (seed, step, rank), so that a resumed training goes on as if never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch

from hand_pose_25d_train.augmentation.augment import Augmentation, augment
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.augmentation.regions import Jitter
from hand_pose_25d_train.augmentation.transfer import as_arrays, on
from hand_pose_25d_train.datasets.cutting import TrainingBatch, cut
from hand_pose_25d_train.datasets.training_images import (
    Crops,
    Labels,
    TrainingImages,
    TrainingSource,
)

RENDERED_SHARE = 0.35
"""Share of the rendered samples that are augmented like photographs."""


class EmptySource:
    """Crops that show no hand: backgrounds."""

    def __init__(self, backgrounds: Crops, size: int) -> None:
        self._backgrounds = backgrounds
        self._size = size

    def draw(self, count: int, rng: np.random.Generator) -> TrainingImages:
        """Return crops of backgrounds."""
        crops = self._backgrounds.crops(count, self._size, rng)
        images = crops.permute(0, 2, 3, 1) if crops.is_cuda else list(as_arrays(crops))
        nothing = [None] * count
        return Labels(count).rows(np.arange(count), images, nothing, nothing)


@dataclass
class Mixture(torch.utils.data.Dataset):
    """Whole batches by their step: element i is the batch of step i, made where its images are."""

    sources: Sequence[tuple[TrainingSource, float]]
    """With their shares, which need not sum to 1."""
    backgrounds: Crops
    """What covers the occluders, and is put behind hands with masks."""
    batch_size: int
    steps: int
    size: int
    jitter: Jitter | PaperJitter = field(default_factory=Jitter)
    augmentation: Augmentation = field(default_factory=Augmentation)
    replace_background: float = 0.7
    """Share of the images with masks."""
    seed: int = 0
    rank: int = 0

    def __post_init__(self) -> None:
        if not self.sources or sum(share for _, share in self.sources) <= 0:
            raise ValueError("a mixture needs a source with a share above 0")

    def __len__(self) -> int:
        return self.steps

    @torch.no_grad()
    def __getitem__(self, step: int) -> TrainingBatch:
        """Make the batch of a step: what `cut` names, the sources one after the other."""
        rng = np.random.default_rng((self.seed, self.rank, step))
        kinds = stratified([share for _, share in self.sources], self.batch_size, rng)
        parts, rendered = [], []
        for (source, _), count in zip(self.sources, np.bincount(kinds), strict=False):
            if count:
                given = source.draw(int(count), rng)
                rendered.append(given.rendered)
                parts.append(self._cut(given, rng))
        batch = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        as_photograph = rng.random(self.batch_size) < RENDERED_SHARE
        rows = np.flatnonzero(~np.concatenate(rendered) | as_photograph)
        images = batch["image"]
        places = on(images.device, rows)
        images[places] = augment(
            images[places],
            lambda count: self.backgrounds.crops(count, self.size, rng),
            self.augmentation,
            rng,
        )
        return batch

    def _cut(self, given: TrainingImages, rng: np.random.Generator) -> TrainingBatch:
        return cut(given, self.size, self.jitter, self.backgrounds, self.replace_background, rng)

    def batches(self, start: int, workers: int) -> Iterator[dict[str, Any]]:
        """Iterate from a step on, made by worker processes if there are any."""
        return loaded(self, start, self.steps, workers)


def stratified(shares: Sequence[float], count: int, rng: np.random.Generator) -> np.ndarray:
    """Return which source each of `count` samples is of, ascending: each source's share of them,
    up to one sample."""
    edges = np.cumsum(np.array(shares, dtype=np.float64))
    picks = (np.arange(count) + rng.random()) / count
    return np.searchsorted(edges / edges[-1], picks, side="right").clip(max=len(shares) - 1)


def loaded(
    batches: torch.utils.data.Dataset, start: int, end: int, workers: int
) -> Iterator[dict[str, Any]]:
    """Iterate over the batches of steps start ... end, made by worker processes if there are any.

    Element i of `batches` is the batch of step i; with workers it must be able to be pickled.
    """
    yield from torch.utils.data.DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, end),
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        worker_init_fn=_one_thread,
        # A fork of this process would take along whatever threads its libraries have started.
        multiprocessing_context="forkserver" if workers else None,
    )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

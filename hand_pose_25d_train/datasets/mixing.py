"""Batches that mix 2D-only photographs, rendered hands with 3D, and crops without a hand.

The paper takes 2D-only and 3D samples with equal probability (Section 5).  What a batch holds is a
function of (seed, step, rank) alone, so that a resumed training goes on as if never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
import torch

from hand_pose_25d_train.augmentation.augment import Augmentation
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.training_sample import TrainingSample

RENDERED_SHARE = 0.35
"""Share of the rendered samples that are augmented like photographs."""


class Source(Protocol):
    """Something that training samples are drawn from."""

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """Return one sample, not yet augmented in its pixels."""
        ...


class EmptySource:
    """Crops that show no hand: backgrounds, some with a smooth gradient of skin colour."""

    def __init__(self, backgrounds: Backgrounds, size: int) -> None:
        self._backgrounds = backgrounds
        self._size = size

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """Return one crop of a background."""
        return TrainingSample(self._backgrounds.draw(self._size, rng))


@dataclass
class Mixture(torch.utils.data.Dataset):
    """Whole batches by their step: element i is the batch of step i."""

    sources: list[tuple[Source, float]]
    """With their shares, which need not sum to 1."""
    textures: Backgrounds
    """What covers the occluders."""
    batch_size: int
    steps: int
    size: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    rank: int = 0

    def __post_init__(self) -> None:
        if not self.sources or sum(share for _, share in self.sources) <= 0:
            raise ValueError("a mixture needs a source with a share above 0")

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        """Make the batch of a step."""
        rng = np.random.default_rng((self.seed, self.rank, step))
        rows = []
        for pick in stratified([share for _, share in self.sources], self.batch_size, rng):
            sample = self.sources[pick][0].draw(rng)
            if not sample.rendered or rng.random() < RENDERED_SHARE:
                texture = self.textures.draw(self.size, rng)
                sample.image = self.augmentation(sample.image, texture, rng)
            rows.append(sample.tensors())
        return {key: torch.from_numpy(np.stack([row[key] for row in rows])) for key in rows[0]}

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

    Element i of `batches` is the batch of step i.
    """
    yield from torch.utils.data.DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, end),
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        worker_init_fn=_one_thread,
    )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

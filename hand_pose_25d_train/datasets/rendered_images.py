"""Training images from rendered crops (datasets/shards.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d_train.datasets.shards import SceneSample, ShardDataset
from hand_pose_25d_train.datasets.training_images import TrainingImage, TrainingImages


def camera_of(sample: SceneSample) -> Camera:
    """Return the pinhole camera of a rendered image."""
    height, width = sample.image.shape[:2]
    return Camera.from_matrix(sample.K, width, height)


class RenderSource:
    """Draws the crops' first hands with exact 2D and 3D; crops without a hand are negatives."""

    def __init__(self, folders: list[Path]) -> None:
        """Keeps the shards that are there now in memory, as JPEG.

        Raises FileNotFoundError for a folder without shards.
        """
        self._sets = [ShardDataset(folder, keep=1_000_000, masks=False) for folder in folders]
        self._ends = np.cumsum([len(dataset) for dataset in self._sets])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> SceneSample:
        which = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[which - 1]) if which else 0
        return self._sets[which][index - start]

    def draw(self, count: int, rng: np.random.Generator) -> TrainingImages:
        """Return so many images."""
        rows = rng.integers(len(self), size=count)
        return TrainingImages.of([training_image(self[int(row)]) for row in rows])


def training_image(sample: SceneSample) -> TrainingImage:
    """Return a rendered image with its first hand."""
    if not sample.hands:
        return TrainingImage(sample.image, rendered=True)
    hand = sample.hands[0]
    return TrainingImage(
        sample.image,
        camera_of(sample),
        hand.uv,
        hand.keypoints,
        is_right=hand.is_right,
        rendered=True,
    )

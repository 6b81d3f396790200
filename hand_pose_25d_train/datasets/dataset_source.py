"""Training images from the public datasets (datasets/datasets.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d_train.datasets.datasets import DATASETS, open_dataset
from hand_pose_25d_train.datasets.sample import Sample
from hand_pose_25d_train.datasets.training_images import TrainingImage, TrainingImages

FLAT = ("mpii_nzsl", "mvbs")
"""The datasets without 3D."""


class DatasetSource:
    """Draws the samples of one dataset's training split; 2D-only ones without depths."""

    def __init__(self, name: str, folder: Path, backgrounds: Path | None = None) -> None:
        """Open the training split; `backgrounds` are put into SynthHands.

        Raises ValueError for a dataset that has no training split, and what its reader raises.
        """
        if name in DATASETS and "training" not in DATASETS[name].splits:
            raise ValueError(f"{name} has no training split")
        options = {"backgrounds": backgrounds} if name == "synthhands" and backgrounds else {}
        self._dataset = open_dataset(name, folder, "training", **options)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        return self._dataset[index]

    def draw(self, count: int, rng: np.random.Generator) -> TrainingImages:
        """Return so many images; unknown keypoints are NaN."""
        samples = [self[int(row)] for row in rng.integers(len(self), size=count)]
        return TrainingImages.of(
            [TrainingImage(s.image, s.camera, s.uv, s.xyz, is_right=s.is_right) for s in samples]
        )

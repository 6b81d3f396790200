"""Training samples from the public datasets (datasets/datasets.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d.skeleton import NUM_KEYPOINTS, REFERENCE_BONE, WRIST
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.datasets.datasets import DATASETS, open_dataset
from hand_pose_25d_train.datasets.training_sample import Jitter, TrainingSample, cut

FLAT = ("mpii_nzsl", "mvbs")
"""The datasets without 3D."""


class DatasetSource:
    """Draws the samples of one dataset's training split; 2D-only ones without depths."""

    def __init__(
        self,
        name: str,
        folder: Path,
        size: int,
        jitter: Jitter | PaperJitter,
        backgrounds: Path | None = None,
    ) -> None:
        """Open the training split; `backgrounds` are put into SynthHands.

        Raises ValueError for a dataset that has no training split, and what its reader raises.
        """
        if name in DATASETS and "training" not in DATASETS[name].splits:
            raise ValueError(f"{name} has no training split")
        options = {"backgrounds": backgrounds} if name == "synthhands" and backgrounds else {}
        self._dataset = open_dataset(name, folder, "training", **options)
        self._size = size
        self._jitter = jitter

    def __len__(self) -> int:
        return len(self._dataset)

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """Return one sample, not yet augmented in its pixels; unknown keypoints weigh nothing."""
        sample = self._dataset[int(rng.integers(len(self)))]
        known_side = sample.is_right is not None
        # Regions are placed on what is annotated: the others count as lying in its middle.
        seen = np.isfinite(sample.uv).all(-1)
        uv = np.where(seen[:, None], sample.uv, np.nanmean(sample.uv, axis=0))
        side = bool(sample.is_right) if known_side else True
        where = cut(sample.camera, uv, side, self._size, self._jitter, rng)
        depth = np.zeros(NUM_KEYPOINTS, np.float32)
        depth_weight = np.zeros(NUM_KEYPOINTS, np.float32)
        if np.isfinite(sample.xyz[[WRIST, *REFERENCE_BONE]]).all():
            depths = where.depths(sample.xyz)
            depth = np.nan_to_num(depths).astype(np.float32)
            depth_weight = np.isfinite(depths).astype(np.float32)
        return TrainingSample(
            where.view.sample(sample.image),
            where.uv.astype(np.float32),
            where.uv_weight * seen.astype(np.float32),
            depth,
            depth_weight,
            1.0,
            float(where.looks_right),
            float(known_side),
        )

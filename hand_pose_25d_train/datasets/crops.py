"""Training samples from rendered crops (datasets/shards.py)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.datasets.shards import SceneSample, ShardDataset
from hand_pose_25d_train.datasets.training_sample import Jitter, TrainingSample, cut


def camera_of(sample: SceneSample) -> Camera:
    """Return the pinhole camera of a rendered image."""
    height, width = sample.image.shape[:2]
    return Camera.from_matrix(sample.K, width, height)


class RenderSource:
    """Draws the crops' first hands with exact 2D and 3D; crops without a hand are negatives."""

    def __init__(self, folders: list[Path], size: int, jitter: Jitter | PaperJitter) -> None:
        """Keeps the shards that are there now in memory, as JPEG.

        Raises FileNotFoundError for a folder without shards.
        """
        self._sets = [ShardDataset(folder, keep=1_000_000, masks=False) for folder in folders]
        self._ends = np.cumsum([len(dataset) for dataset in self._sets])
        self._size = size
        self._jitter = jitter

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> SceneSample:
        which = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[which - 1]) if which else 0
        return self._sets[which][index - start]

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """Return one sample, not yet augmented in its pixels."""
        sample = self[int(rng.integers(len(self)))]
        if not sample.hands:
            side = (self._size, self._size)
            crop = cv2.resize(sample.image, side, interpolation=cv2.INTER_LINEAR)
            return TrainingSample(crop, rendered=True)
        hand = sample.hands[0]
        where = cut(camera_of(sample), hand.uv, hand.is_right, self._size, self._jitter, rng)
        return TrainingSample(
            where.view.sample(sample.image),
            where.uv,
            where.uv_weight,
            where.depths(hand.keypoints).astype(np.float32),
            np.ones(NUM_KEYPOINTS, np.float32),
            1.0,
            float(where.looks_right),
            1.0,
            rendered=True,
        )

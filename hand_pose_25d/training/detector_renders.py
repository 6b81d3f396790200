"""Rendered scenes as the detector's training and evaluation see them."""

from __future__ import annotations

from pathlib import Path

from hand_pose_25d.data.shards import ShardDataset
from hand_pose_25d.training.detector_scenes import Scene, SceneHand

MAX_SHARDS_IN_MEMORY = 64


class RenderFolder:
    """The scenes of a folder that `hand-pose-25d render scenes` wrote."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError where there are no shards."""
        self._shards = ShardDataset(folder, keep=MAX_SHARDS_IN_MEMORY, masks=False)

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, index: int) -> Scene:
        sample = self._shards[index]
        hands = [
            SceneHand(hand.uv.astype(float), bool(hand.is_right), float(hand.visibility.mean()))
            for hand in sample.hands
        ]
        return Scene(sample.image, hands)

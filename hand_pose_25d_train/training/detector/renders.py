"""Rendered scenes as the detector's training and evaluation see them."""

from __future__ import annotations

from pathlib import Path

from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.training.detector.scenes import Scene, SceneHand

MAX_SHARDS_IN_MEMORY = 64


class RenderFolder:
    """The scenes of a folder that `hand-pose-25d render scenes` wrote."""

    def __init__(self, folder: Path, keep: bool = False, part: int = 0, parts: int = 1) -> None:
        """`keep`: every image seen stays in memory, decoded; `part` of `parts`: every `parts`-th
        scene only, so that processes that train together share what they keep.

        Raises FileNotFoundError where there are no shards.
        """
        self._part, self._parts = part, parts
        self._shards = ShardDataset(folder, keep=MAX_SHARDS_IN_MEMORY, masks=False)
        self._kept: dict[int, Scene] | None = {} if keep else None

    def __len__(self) -> int:
        return len(range(self._part, len(self._shards), self._parts))

    def __getitem__(self, index: int) -> Scene:
        if self._kept is None:
            return self._read(index)
        if index not in self._kept:
            self._kept[index] = self._read(index)
        return self._kept[index]

    def _read(self, index: int) -> Scene:
        sample = self._shards[self._part + index * self._parts]
        hands = [
            SceneHand(hand.uv.astype(float), bool(hand.is_right), float(hand.visibility.mean()))
            for hand in sample.hands
        ]
        return Scene(sample.image, hands)

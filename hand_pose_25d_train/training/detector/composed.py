"""Folders of photographs: what composed scenes are made of, and people."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch.utils.data import ConcatDataset

from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.training.detector.distractors import load_distractors
from hand_pose_25d_train.training.detector.mosaics import MosaicScenes
from hand_pose_25d_train.training.detector.people import ZOOM, PeoplePhotos
from hand_pose_25d_train.training.detector.photos import load_cut_outs
from hand_pose_25d_train.training.detector.scenes import (
    AugmentedScenes,
    ComposedScenes,
    Scene,
    SceneSource,
)
from hand_pose_25d_train.training.detector.whole_photos import (
    WHOLE_ZOOM,
    WholePhotos,
    has_boxes,
)


@dataclass(frozen=True)
class Photographs:
    """Where they are."""

    photos: list[tuple[Path, Path]] = field(default_factory=list)
    """Pairs of a folder of photographed hands and its labels: of hands alone before a wall, or
    by `label --consensus`."""
    backgrounds: list[Path] = field(default_factory=list)
    """Folders of photographs without people, whose hands would be unlearned."""
    distractors: list[Path] = field(default_factory=list)
    """Folders of cut-outs (RGBA PNG) of what is no hand, such as faces."""
    people: Path | None = None
    """The photographs that datasets/marks/people_hands.yaml names."""

    def composed_scenes(self) -> ComposedScenes | None:
        """Load what is trained on, and the distractors; None without photographs of hands."""
        alone = [pair for pair in self.photos if not has_boxes(pair[1])]
        cut_outs = [c for pair in alone for c in load_cut_outs(*pair, held_out=False)]
        if not cut_outs:
            return None
        backgrounds = Backgrounds(self.backgrounds)
        return ComposedScenes(cut_outs, backgrounds, load_distractors(self.distractors))

    def whole_scenes(self) -> list[SceneSource]:
        """Open the photographs all of whose hands are known: alone, and several in one scene."""
        pairs = [pair for pair in self.photos if has_boxes(pair[1])]
        if not pairs:
            return []
        photos: ConcatDataset[Scene] = ConcatDataset([WholePhotos(*pair) for pair in pairs])
        return [AugmentedScenes(photos, WHOLE_ZOOM), MosaicScenes(photos)]

    def people_scenes(self) -> AugmentedScenes | None:
        """Load the photographs of people; None where none are named."""
        return None if self.people is None else AugmentedScenes(PeoplePhotos(self.people), ZOOM)

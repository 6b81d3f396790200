"""Labelled images that a detector is measured on: rendered scenes, photographs, empty rooms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_25d.io.images import list_images
from hand_pose_25d_train.datasets.backgrounds import read_rgb, shrunk

_SUFFIXES = (".jpg", ".jpeg", ".png")
SMALLEST_BOX = 20.0 / 640
"""Longer side of a box, over the image's, below which a hand is not asked for."""
MOSTLY_HIDDEN = 0.35
"""Share of visible keypoints below which a hand is not asked for."""


@dataclass
class ImageTruth:
    """One hand that is there."""

    uv: np.ndarray
    """(21, 2) px."""
    is_right: bool
    asked: bool = True
    """Large enough, in the image and not mostly hidden."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, w, h around the keypoints."""
        low, high = self.uv.min(axis=0), self.uv.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


LabelledImage = tuple[np.ndarray, list[ImageTruth]]


def truth_of(uv: np.ndarray, is_right: bool, shape: tuple[int, ...], visible: float) -> ImageTruth:
    """Make the truth of one hand and decide whether it must be found."""
    height, width = shape[:2]
    truth = ImageTruth(np.asarray(uv, np.float64), is_right)
    palm = (truth.uv[0] + truth.uv[[5, 9, 13, 17]].mean(axis=0)) / 2
    inside = bool(((palm >= 0) & (palm <= (width - 1, height - 1))).all())
    large = max(truth.box[2:]) >= SMALLEST_BOX * max(width, height)
    truth.asked = inside and large and visible >= MOSTLY_HIDDEN
    return truth


def rendered_images(folder: Path, limit: int) -> Iterator[LabelledImage]:
    """Yield the scenes of a folder of rendered ones."""
    from hand_pose_25d_train.datasets.shards import ShardDataset

    dataset = ShardDataset(folder, masks=False)
    for index in range(min(len(dataset), limit)):
        sample = dataset[index]
        yield (
            sample.image,
            [
                truth_of(h.uv, bool(h.is_right), sample.image.shape, float(h.visibility.mean()))
                for h in sample.hands
            ],
        )


def photo_images(folder: Path, labels: Path, limit: int) -> Iterator[LabelledImage]:
    """Yield the held-out photographs of a `label` file."""
    from hand_pose_25d_train.datasets.photos import load_photos

    for photo in load_photos(folder, labels, True)[:limit]:
        yield photo.image, [truth_of(photo.uv, photo.is_right, photo.image.shape, 1.0)]


def empty_images(folder: Path, limit: int) -> Iterator[LabelledImage]:
    """Yield photographs without hands.  Raises FileNotFoundError where there are none."""
    for path in list_images(folder, suffixes=_SUFFIXES, what="photographs")[:limit]:
        image = read_rgb(path)
        if image is not None:
            yield shrunk(image, 640), []

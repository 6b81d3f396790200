"""Whole photographs with what `label --consensus` knows of all their hands.

A labelled hand is one with keypoints; of a box that surely holds a hand the detector learns that
there is one, and where; of a box in doubt nothing is asked.  What lies beside them is no hand.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.datasets.archives import load_arrays
from hand_pose_25d_train.datasets.backgrounds import read_rgb, shrunk
from hand_pose_25d_train.datasets.held_out import held_out
from hand_pose_25d_train.training.detector.scenes import Scene, SceneHand

LONGEST_PHOTO_SIDE = 720
"""Photographs are kept at this size: the memory holds thousands."""
WHOLE_ZOOM = (0.6, 4.0)
"""Of the crops of them (`AugmentedScenes`)."""


def has_boxes(labels: Path) -> bool:
    """Tell whether `label --consensus` wrote the labels, which know all hands of a photograph."""
    with np.load(labels) as table:
        return "photographs" in table


class WholePhotos(Dataset[Scene]):
    """The photographs of one folder that are not held out, read when they are asked for."""

    def __init__(self, folder: Path, labels: Path) -> None:
        """Take the photographs and their labels; raises ValueError where these have no boxes."""
        if not has_boxes(labels):
            raise ValueError(f"{labels} has no boxes: only `label --consensus` writes them")
        self._folder, self._table = folder, load_arrays(labels)
        names = [str(name) for name in self._table["photographs"]]
        self._names = np.array(names)[~held_out(folder.name, names)]
        self._kept: dict[int, Scene] = {}

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Scene:
        """Return one; raises FileNotFoundError where it is missing."""
        if index not in self._kept:
            self._kept[index] = self._read(str(self._names[index]))
        return self._kept[index]

    def _read(self, name: str) -> Scene:
        image = read_rgb(self._folder / name)
        if image is None:
            raise FileNotFoundError(f"cannot read {self._folder / name}, named in the labels")
        small = shrunk(image, LONGEST_PHOTO_SIDE)
        scale = small.shape[1] / image.shape[1]
        table = self._table
        hands = [
            SceneHand((table["uv"][i].astype(float) + 0.5) * scale - 0.5, bool(right))
            for i, right in enumerate(table["is_right"])
            if table["names"][i] == name
        ]
        for i in np.flatnonzero(table["box_names"] == name):
            uv = around_box(table["boxes"][i].astype(float) * scale)
            hands.append(SceneHand(uv, True, float(table["box_certain"][i]), box_only=True))
        return Scene(small, hands)


def around_box(box: np.ndarray) -> np.ndarray:
    """Return points (21, 2) of the ellipse in a box (x, y, w, h): turned, it grows least."""
    angles = np.arange(NUM_KEYPOINTS - 1) * (2 * math.pi / (NUM_KEYPOINTS - 1))
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = box[:2] + box[2:] / 2 * (1 + circle)
    return np.concatenate([points, points[:1]])

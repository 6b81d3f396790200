"""RHP (Rendered Hand Pose, `RHD_published_v2`): Zimmermann and Brox, ICCV 2017.

`<split>/{color,depth,mask}/%05d.png`, 320 x 320, and `<split>/anno_<split>.pickle`, a dict
int -> `uv_vis` (42, 3), `xyz` (42, 3) metres in the camera's frame, `K` (3, 3).  Keypoints 0-20
are the left hand's, 21-41 the right one's, each the wrist, then thumb to little, tip to palm.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d_train.datasets.safe_pickle import load_pickle
from hand_pose_25d_train.datasets.sample import (
    Part,
    Sample,
    need_array,
    need_folder,
    read_dataset_image,
)

SPLITS = {"training": 41258, "evaluation": 2728}
"""The splits and their published sizes."""

ORDER = (0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17)
"""Canonical keypoint -> RHP's index within a hand."""

# Mask values: 0 background, 1 person.
LEFT_MASK = (2, 17)
RIGHT_MASK = (18, 33)


class RHP:
    """The hand with more pixels in the mask of each image, which is the one evaluated."""

    def __init__(self, folder: Path, split: str = "evaluation") -> None:
        """Read the annotations.

        Raises ValueError for an unknown split, FileNotFoundError for missing files, and what
        `load_pickle` raises for a bad pickle.
        """
        if split not in SPLITS:
            raise ValueError(f"RHP has the splits {', '.join(SPLITS)}, not {split!r}")
        self.folder = need_folder(Path(folder) / split, f"RHP's {split} set")
        self.path = _annotation_path(Path(folder), split)
        self.annotations = load_pickle(self.path)
        if not isinstance(self.annotations, dict) or not self.annotations:
            raise ValueError(f"{self.path} holds no dict of annotations")
        self.ids = sorted(self.annotations)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; ValueError and FileNotFoundError name the file and the key."""
        number = self.ids[index]
        where = f"{self.path}, sample {number}"
        uv_vis, xyz, K = (  # noqa: N806
            self._array(number, key, shape, where)
            for key, shape in (("uv_vis", (42, 3)), ("xyz", (42, 3)), ("K", (3, 3)))
        )
        image = read_dataset_image(self.folder / "color" / f"{number:05d}.png")
        mask = read_dataset_image(self.folder / "mask" / f"{number:05d}.png", cv2.IMREAD_GRAYSCALE)
        left = int(((mask >= LEFT_MASK[0]) & (mask <= LEFT_MASK[1])).sum())
        right = int(((mask >= RIGHT_MASK[0]) & (mask <= RIGHT_MASK[1])).sum())
        is_right = not left > right
        hand = np.array(ORDER) + (21 if is_right else 0)
        return Sample(
            name=f"{self.folder.name}/{number:05d}",
            image=image,
            K=K,
            uv=uv_vis[hand, :2],
            xyz=xyz[hand],
            valid=np.ones(21, bool),
            visibility=(uv_vis[hand, 2] == 1).astype(np.float64),
            is_right=is_right,
        )

    def _array(self, number: int, key: str, shape: tuple[int, ...], where: str) -> np.ndarray:
        entry = self.annotations[number]
        if not isinstance(entry, dict) or key not in entry:
            raise ValueError(f"{where} has no {key!r}")
        return need_array(entry[key], shape, f"{where}: {key!r}")


def inventory(folder: Path) -> list[Part]:
    """List the images and annotations that are there."""
    parts = []
    for split, size in SPLITS.items():
        try:
            ids = RHP(folder, split).ids
        except (OSError, ValueError) as error:
            parts.append(Part(f"{split} annotations", 0, size, [str(error)]))
            continue
        parts.append(Part(f"{split} annotations", len(ids), size))
        for kind in ("color", "mask"):
            paths = [folder / split / kind / f"{number:05d}.png" for number in ids]
            missing = [str(path) for path in paths if not path.is_file()]
            parts.append(Part(f"{split} {kind} images", len(ids) - len(missing), size, missing))
    return parts


def _annotation_path(folder: Path, split: str) -> Path:
    """Return the pickle's path: within the split's folder, as published, or beside it."""
    inside, beside = folder / split / f"anno_{split}.pickle", folder / f"anno_{split}.pickle"
    return beside if beside.is_file() and not inside.is_file() else inside

"""MPII+NZSL hands: Simon et al., CVPR 2017 (`hand_labels`).  Photographs of people, 2D only.

`manual_train` and `manual_test` hold `<name>.jpg` with `<name>.json` beside it, one hand a file:
`hand_pts` 21 x 3 (x, y, 1 where valid; canonical order), `hand_box_center`, `head_box`,
`head_size` (pixels), `is_left`, `is_mpii`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d_train.datasets.sample import (
    Part,
    Sample,
    need_array,
    need_folder,
    read_dataset_image,
    read_json,
    unknown,
)

SPLITS = {"training": ("manual_train", 1912), "evaluation": ("manual_test", 846)}
"""Split -> its folder and published size (the paper says 2000 and 800)."""

BOX_HEADS = 0.7
"""Side of the box around a hand, in head sizes: the paper's protocol."""


class MPIINZSL:
    """One split's hands."""

    def __init__(self, folder: Path, split: str = "evaluation") -> None:
        """Find the annotations; `folder` is `hand_labels` or the folder that holds it.

        Raises ValueError for an unknown split and FileNotFoundError where there are none.
        """
        if split not in SPLITS:
            raise ValueError(f"MPII+NZSL has the splits {', '.join(SPLITS)}, not {split!r}")
        self.folder = split_folder(Path(folder), split)
        need_folder(self.folder, f"MPII+NZSL's {split} set")
        self.paths = sorted(self.folder.glob("*.json"))
        if not self.paths:
            raise FileNotFoundError(f"no *.json in {self.folder}")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        """Read one hand; errors name the file and the key."""
        path = self.paths[index]
        return read_hand(path, path.with_suffix(".jpg"), read_json(path))


def read_hand(where: Path, image: Path, entry: Any) -> Sample:
    """Make the sample of one annotation in the format of `hand_labels`.

    Raises ValueError, with `where`, for a missing key or a wrong shape.
    """
    if not isinstance(entry, dict) or "hand_pts" not in entry:
        raise ValueError(f"{where} has no 'hand_pts'")
    points = need_array(entry["hand_pts"], (21, 3), f"{where}: 'hand_pts'")
    valid = points[:, 2] == 1
    uv = np.where(valid[:, None], points[:, :2], np.nan)
    head = float(entry.get("head_size") or "nan")
    box = None
    if "hand_box_center" in entry and head > 0:
        center = need_array(entry["hand_box_center"], (None,), f"{where}: 'hand_box_center'")[:2]
        side = BOX_HEADS * head
        box = (float(center[0] - side / 2), float(center[1] - side / 2), side, side)
    is_left = entry.get("is_left")
    return Sample(
        name=where.name.removesuffix(".json"),
        image=read_dataset_image(image),
        K=unknown(3, 3),
        uv=uv,
        xyz=unknown(21, 3),
        valid=valid,
        visibility=unknown(21),
        is_right=None if is_left is None else not bool(is_left),
        head_size=head,
        box=box,
    )


def split_folder(folder: Path, split: str) -> Path:
    """Return the split's folder, below `hand_labels` where that is there."""
    root = folder / "hand_labels" if (folder / "hand_labels").is_dir() else folder
    return root / SPLITS[split][0]


def inventory(folder: Path) -> list[Part]:
    """List annotations and images of both splits."""
    parts = []
    for split, (name, size) in SPLITS.items():
        root = split_folder(folder, split)
        paths = sorted(root.glob("*.json"))
        images = [path.with_suffix(".jpg") for path in paths]
        missing = [str(path) for path in images if not path.is_file()]
        found = len(images) - len(missing)
        parts.append(Part(name, found, size, missing if paths else [f"no *.json in {root}"]))
    return parts

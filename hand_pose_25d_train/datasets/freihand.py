"""FreiHAND: Zimmermann et al., ICCV 2019.  Right hands with intrinsics and metres, 224 x 224.

`{training,evaluation}_{K,xyz}.json` and `<split>/rgb/%08d.jpg`.  Each training pose has four
images, of four backgrounds: image i + 32560 x version.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d_train.datasets.sample import (
    Part,
    Sample,
    need_array,
    need_folder,
    project,
    read_dataset_image,
    read_json,
    unknown,
)

SPLITS = {"training": 32560, "evaluation": 3960}
"""The splits and how many poses they have."""

VERSIONS = {"training": 4, "evaluation": 1}


class FreiHAND:
    """One split; the images of all versions, version after version."""

    def __init__(self, folder: Path, split: str = "evaluation") -> None:
        """Read the annotations; versions whose first image is missing are left out.

        Raises ValueError for an unknown split or damaged lists, FileNotFoundError by path.
        """
        if split not in SPLITS:
            raise ValueError(f"FreiHAND has the splits {', '.join(SPLITS)}, not {split!r}")
        self.folder, self.split = need_folder(Path(folder), "FreiHAND"), split
        self.K = self._read("K", 3)
        self.xyz = self._read("xyz", 21)
        if len(self.K) != len(self.xyz):
            raise ValueError(f"{self.folder}: {len(self.K)} intrinsics for {len(self.xyz)} poses")
        firsts = [self._path(version * len(self.K)) for version in range(VERSIONS[split])]
        self.versions = max(sum(path.is_file() for path in firsts), 1)

    def __len__(self) -> int:
        return len(self.K) * self.versions

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; errors name the file."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        pose = index % len(self.K)
        K, xyz = self.K[pose], self.xyz[pose]  # noqa: N806
        return Sample(
            name=f"{self.split}/{index:08d}",
            image=read_dataset_image(self._path(index)),
            K=K,
            uv=project(xyz, K),
            xyz=xyz,
            valid=np.ones(21, bool),
            visibility=unknown(21),
            is_right=True,
        )

    def _path(self, index: int) -> Path:
        return self.folder / self.split / "rgb" / f"{index:08d}.jpg"

    def _read(self, kind: str, rows: int) -> np.ndarray:
        path = self.folder / f"{self.split}_{kind}.json"
        return need_array(read_json(path), (None, rows, 3), str(path))


def inventory(folder: Path) -> list[Part]:
    """List annotations and images of both splits."""
    parts = []
    for split, size in SPLITS.items():
        try:
            data = FreiHAND(folder, split)
        except (OSError, ValueError) as error:
            parts.append(Part(f"{split} annotations", 0, size, [str(error)]))
            continue
        parts.append(Part(f"{split} annotations", len(data.K), size))
        total = len(data.K) * VERSIONS[split]
        missing = [str(data._path(n)) for n in range(total) if not data._path(n).is_file()]
        parts.append(
            Part(f"{split} images", total - len(missing), size * VERSIONS[split], missing)
        )
    return parts

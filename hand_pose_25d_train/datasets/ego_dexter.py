"""EgoDexter: Mueller et al., ICCV 2017.  Five fingertips of a left hand, seen by its owner.

`data/<Seq>/{color,color_on_depth,depth}/image_00000_<kind>.png`, 640 x 480;
`data/<Seq>/annotation.txt`, `u,v;` five times a line in pixels of color_on_depth, -1 missing;
`data/<Seq>/annotation.txt_3D.txt`, `x, y, z;` in millimetres in the depth camera, (0, 0, 0)
missing.  Lines may be short.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d.skeleton import FINGERTIPS
from hand_pose_25d_train.datasets.dexter_object import read_points
from hand_pose_25d_train.datasets.sample import (
    Part,
    Sample,
    intrinsics,
    need_folder,
    project,
    read_dataset_image,
    unknown,
)

SEQUENCES = ("Desk", "Fruits", "Kitchen", "Rotunda")
VIEWS = ("color", "color_on_depth")

K_COLOR = intrinsics(617.173, 617.173, 315.453, 242.259)
K_DEPTH = intrinsics(475.62, 475.62, 311.125, 245.965)
DEPTH_TO_COLOR = np.array(
    [
        [1.0, 0.00090442, -0.0074, 0.0202365],
        [-0.00071933, 0.9997, 0.0248, 0.0012846],
        [0.0075, -0.0248, 0.9997, 0.0057360],
    ]
)
"""(3, 4) [R | t], metres."""


class EgoDexter:
    """The frames with at least one fingertip annotated in space.

    The view `color` is the colour camera's own image, onto which the 3D annotations are projected;
    `color_on_depth` is resampled into the depth camera, where the 2D annotations were made, and
    has holes where the depth is unknown.
    """

    def __init__(self, folder: Path, split: str = "evaluation", view: str = "color") -> None:
        """Read the annotations of the sequences that are there.

        Raises ValueError for another split or view or a line that is not numbers, and
        FileNotFoundError where no sequence has annotations.
        """
        if split != "evaluation":
            raise ValueError(f"EgoDexter has only an evaluation set, not {split!r}")
        if view not in VIEWS:
            raise ValueError(f"EgoDexter has the views {', '.join(VIEWS)}, not {view!r}")
        self.folder, self.view = need_folder(Path(folder) / "data", "EgoDexter"), view
        self.index: list[tuple[str, int, np.ndarray, np.ndarray]] = []
        found = False
        for sequence in SEQUENCES:
            if not (self.folder / sequence).is_dir():
                continue
            found = True
            tips, pixels = read_sequence(self.folder / sequence)
            for number in np.flatnonzero(np.isfinite(tips).any((1, 2))):
                self.index.append((sequence, int(number), tips[number], pixels[number]))
        if not found:
            raise FileNotFoundError(f"none of {', '.join(SEQUENCES)} in {self.folder}")

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int) -> Sample:
        """Read one frame; errors name the file."""
        sequence, number, tips, pixels = self.index[index]
        xyz, uv = unknown(21, 3), unknown(21, 2)
        if self.view == "color":
            points = tips @ DEPTH_TO_COLOR[:, :3].T + DEPTH_TO_COLOR[:, 3]
            pixels = project(points, K_COLOR)
        else:
            points = tips
        xyz[list(FINGERTIPS)], uv[list(FINGERTIPS)] = points, pixels
        return Sample(
            name=f"{sequence}/{number:05d}",
            image=read_dataset_image(image_path(self.folder / sequence, self.view, number)),
            K=K_COLOR if self.view == "color" else K_DEPTH,
            uv=uv,
            xyz=xyz,
            valid=np.isfinite(uv).all(-1) | np.isfinite(xyz).all(-1),
            visibility=unknown(21),
            is_right=False,
        )


def read_sequence(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, 5, 3) metres and (N, 5, 2) pixels, both of the depth camera, NaN if missing."""
    tips = read_points(folder / "annotation.txt_3D.txt", 3) / 1000
    tips[(tips == 0).all(-1)] = np.nan
    pixels = read_points(folder / "annotation.txt", 2)
    pixels[(pixels < 0).any(-1)] = np.nan
    if len(pixels) != len(tips):
        raise ValueError(f"{folder}: {len(pixels)} lines of 2D annotations, {len(tips)} of 3D")
    return tips, pixels


def image_path(folder: Path, view: str, number: int) -> Path:
    """Return where a frame of a sequence's folder is."""
    return folder / view / f"image_{number:05d}_{view}.png"


def inventory(folder: Path) -> list[Part]:
    """List annotations and the images of the annotated frames."""
    parts = []
    for sequence in SEQUENCES:
        root = folder / "data" / sequence
        try:
            tips, _ = read_sequence(root)
        except (OSError, ValueError) as error:
            parts.append(Part(f"{sequence} annotations", 0, None, [str(error)]))
            continue
        numbers = np.flatnonzero(np.isfinite(tips).any((1, 2)))
        parts.append(Part(f"{sequence} annotated frames", len(numbers)))
        for view in VIEWS:
            paths = [image_path(root, view, int(n)) for n in numbers]
            missing = [str(p) for p in paths if not p.is_file()]
            found = len(numbers) - len(missing)
            parts.append(Part(f"{sequence} {view} images", found, len(numbers), missing))
    return parts

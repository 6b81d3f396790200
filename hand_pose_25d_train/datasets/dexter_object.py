"""Dexter+Object: Sridhar et al., ECCV 2016.  Five fingertips of a left hand that holds an object.

`data/<Seq>/color/Color_0001.bmp` (640 x 480), `data/<Seq>/depth/`, `annotations/<Seq>2D.txt`
(pixels of the depth image) and `annotations/<Seq>3D.txt` (millimetres, depth camera): a line a
frame, points split by ';', coordinates by ','.  The first five points are the tips of thumb to
little, the rest are the object's corners; z == 32001 is invalid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_25d.skeleton import FINGERTIPS
from hand_pose_25d_train.datasets.sample import (
    Part,
    Sample,
    intrinsics,
    need_folder,
    project,
    read_dataset_image,
    unknown,
)

SEQUENCES = ("Grasp1", "Grasp2", "Occlusion", "Pinch", "Rigid", "Rotate")
FRAMES = 3145
INVALID_Z = 32001

XY_SIGN = -1.0
"""The annotations' x and y point against those of REP-103: inferred from the published readers,
which negate both before projecting.  `inventory` measures what either sign gives."""

K_COLOR = intrinsics(587.45209, 600.67456, 325.0, 249.0)
K_DEPTH = intrinsics(224.502, 230.494, 160.0, 120.0)
DEPTH_TO_COLOR = np.array(
    [
        [0.9999, 0.0034, 0.0161, 0.0190473],
        [-0.0033, 1.0, -0.0079, -0.0018514],
        [-0.0162, 0.0079, 0.9998, -0.0047501],
    ]
)
"""(3, 4) [R | t], metres."""


class DexterObject:
    """The frames with at least one annotated fingertip."""

    def __init__(self, folder: Path, split: str = "evaluation") -> None:
        """Read the annotations of the sequences that are there.

        Raises ValueError for another split (there is only one) or a line that is not numbers, and
        FileNotFoundError where no sequence has annotations.
        """
        if split != "evaluation":
            raise ValueError(f"Dexter+Object has only an evaluation set, not {split!r}")
        self.folder = need_folder(Path(folder), "Dexter+Object")
        need_folder(self.folder / "annotations", "Dexter+Object's annotations")
        self.index: list[tuple[str, int, np.ndarray]] = []
        found = False
        for sequence in SEQUENCES:
            path = self.folder / "annotations" / f"{sequence}3D.txt"
            if not path.is_file():
                continue
            found = True
            for number, tips in enumerate(read_points(path, 3), start=1):
                tips[tips[:, 2] == INVALID_Z] = np.nan
                if np.isfinite(tips).any():
                    self.index.append((sequence, number, tips))
        if not found:
            names = ", ".join(f"{sequence}3D.txt" for sequence in SEQUENCES)
            raise FileNotFoundError(f"none of {names} in {self.folder}/annotations")

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int) -> Sample:
        """Read one frame of the colour camera; errors name the file."""
        sequence, number, tips = self.index[index]
        xyz, uv = unknown(21, 3), unknown(21, 2)
        xyz[list(FINGERTIPS)] = to_color(tips)
        uv[list(FINGERTIPS)] = project(xyz[list(FINGERTIPS)], K_COLOR)
        return Sample(
            name=f"{sequence}/{number:04d}",
            image=read_dataset_image(image_path(self.folder, sequence, number)),
            K=K_COLOR,
            uv=uv,
            xyz=xyz,
            valid=np.isfinite(xyz).all(-1),
            visibility=unknown(21),
            is_right=False,
        )


def to_color(tips_mm: np.ndarray) -> np.ndarray:
    """Move (..., 3) annotated points, mm in the depth camera, into the colour camera, metres."""
    points = tips_mm * (XY_SIGN, XY_SIGN, 1.0) / 1000
    return points @ DEPTH_TO_COLOR[:, :3].T + DEPTH_TO_COLOR[:, 3]


def image_path(folder: Path, sequence: str, number: int) -> Path:
    """Return where a colour frame is; frames are counted from 1."""
    return folder / "data" / sequence / "color" / f"Color_{number:04d}.bmp"


def read_points(path: Path, dimensions: int) -> np.ndarray:
    """Return the first five points of every line, (N, 5, D); what a short line lacks is NaN.

    Raises FileNotFoundError, and ValueError with the line's number where it is not numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    lines = path.read_text(encoding="utf-8").splitlines()
    points = np.full((len(lines), len(FINGERTIPS), dimensions), np.nan)
    for number, line in enumerate(lines):
        fields = [field for field in line.split(";") if field.strip()]
        for tip, entry in enumerate(fields[: len(FINGERTIPS)]):
            try:
                points[number, tip] = [float(value) for value in entry.split(",")]
            except ValueError as error:
                raise ValueError(
                    f"{path}, line {number + 1}: {entry.strip()!r} is not {dimensions} numbers"
                ) from error
    return points


def inventory(folder: Path) -> list[Part]:
    """List annotations and images, and say how far the 3D points project from the 2D ones."""
    parts: list[Part] = []
    offsets: dict[float, list[np.ndarray]] = {1.0: [], -1.0: []}
    frames = 0
    for sequence in SEQUENCES:
        path = folder / "annotations" / f"{sequence}3D.txt"
        try:
            tips = read_points(path, 3)
        except (OSError, ValueError) as error:
            parts.append(Part(f"{sequence} 3D annotations", 0, None, [str(error)]))
            continue
        frames += len(tips)
        paths = [image_path(folder, sequence, n + 1) for n in range(len(tips))]
        missing = [str(p) for p in paths if not p.is_file()]
        there = len(tips) - len(missing)
        parts.append(Part(f"{sequence} color images", there, len(tips), missing))
        path = folder / "annotations" / f"{sequence}2D.txt"
        try:
            pixels = read_points(path, 2)
        except (OSError, ValueError) as error:
            parts.append(Part(f"{sequence} 2D annotations", 0, None, [str(error)]))
            continue
        count = min(len(tips), len(pixels))
        valid = np.isfinite(tips[:count]).all(-1) & (tips[:count, :, 2] != INVALID_Z)
        for sign in offsets:
            offset = project(tips[:count] * (sign, sign, 1.0), K_DEPTH) - pixels[:count]
            offsets[sign].append(np.linalg.norm(offset, axis=-1)[valid])
    parts.insert(0, Part("annotated frames", frames, FRAMES))
    for sign, distances in offsets.items():
        if distances and len(np.concatenate(distances)):
            median = float(np.nanmedian(np.concatenate(distances)))
            used = ", the sign in use" if sign == XY_SIGN else ""
            parts.append(Part(f"median px, 3D with sign {sign:+.0f} onto 2D{used}", round(median)))
    return parts

"""SynthHands: Mueller et al., ICCV 2017.  Rendered left hands before a green screen.

`<hand and object>/<seq>/<cam>/<nn>/%08d_color.png` (640 x 480) and `%08d_joint_pos.txt` beside it:
21 x 3 millimetres in the colour camera, canonical order, separated by commas.  The background is
keyed out and replaced by a crop of a photograph, which is how the set is meant to be used.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.io.images import list_images
from hand_pose_25d_train.datasets.sample import (
    Part,
    Sample,
    intrinsics,
    need_array,
    need_folder,
    project,
    read_dataset_image,
    unknown,
)

K_COLOR = intrinsics(617.173, 617.173, 315.453, 242.259)

KEY_MARGIN = 60
"""How much more green than red and blue, of 255, a pixel of the screen is: skin is never green."""


class SynthHands:
    """Every annotated image below the folder, with the background put in."""

    def __init__(
        self, folder: Path, split: str = "training", backgrounds: Path | None = None
    ) -> None:
        """Find the samples, and photographs below `backgrounds`, if given; else noise is put in.

        Which photograph goes with which sample depends on the sample's name alone.
        Raises ValueError for another split and FileNotFoundError where there is nothing to read.
        """
        if split != "training":
            raise ValueError(f"SynthHands has only a training set, not {split!r}")
        self.folder = need_folder(Path(folder), "SynthHands")
        self.paths = sorted(self.folder.rglob("*_joint_pos.txt"))
        if not self.paths:
            raise FileNotFoundError(f"no *_joint_pos.txt below {self.folder}")
        self.backgrounds: list[Path] = []
        if backgrounds is not None:
            need_folder(Path(backgrounds), "backgrounds")
            self.backgrounds = list_images(backgrounds, what="photographs")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; errors name the file."""
        path = self.paths[index]
        xyz = read_joints(path)
        image = read_dataset_image(image_path(path))
        name = path.relative_to(self.folder).as_posix().removesuffix("_joint_pos.txt")
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        return Sample(
            name=name,
            image=replace_background(image, self._background(image.shape[0], image.shape[1], rng)),
            K=K_COLOR,
            uv=project(xyz, K_COLOR),
            xyz=xyz,
            valid=np.ones(21, bool),
            visibility=unknown(21),
            is_right=False,
        )

    def _background(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """Return an (H, W, 3) crop of a photograph, or smooth noise where there are none."""
        if not self.backgrounds:
            coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        photo = read_dataset_image(self.backgrounds[rng.integers(len(self.backgrounds))])
        scale = max(height / photo.shape[0], width / photo.shape[1]) * rng.uniform(1.0, 1.5)
        photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top = rng.integers(max(photo.shape[0] - height, 0) + 1)
        left = rng.integers(max(photo.shape[1] - width, 0) + 1)
        # Rounding can leave the photograph a pixel short of the image.
        return cv2.resize(photo[top : top + height, left : left + width], (width, height))


def screen_mask(image: np.ndarray) -> np.ndarray:
    """Return the (H, W) uint8 share, 0-255, of the green screen in each pixel of an RGB image."""
    red, green, blue = (image[..., c].astype(np.int16) for c in range(3))
    excess = green - np.maximum(red, blue)
    return (np.clip(excess / KEY_MARGIN, 0, 1) * 255).astype(np.uint8)


def replace_background(image: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB image with its green screen replaced by the background.

    Pixels on the hand's edge are mixtures: they are mixed with the background in the same share,
    and their green is limited to the larger of red and blue, so that no fringe is left.
    """
    share = screen_mask(image)[..., None] / 255.0
    hand = image.astype(np.float64)
    hand[..., 1] = np.minimum(hand[..., 1], np.maximum(hand[..., 0], hand[..., 2]))
    return np.rint(hand * (1 - share) + background * share).astype(np.uint8)


def read_joints(path: Path) -> np.ndarray:
    """Return (21, 3) metres; FileNotFoundError, or ValueError naming the file."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    values = path.read_text(encoding="utf-8").replace("\n", ",").split(",")
    try:
        numbers = [float(value) for value in values if value.strip()]
    except ValueError as error:
        raise ValueError(f"{path} is not numbers: {error}") from error
    return need_array(numbers, (63,), str(path)).reshape(21, 3) / 1000


def image_path(joints: Path) -> Path:
    """Return the colour image beside a `*_joint_pos.txt`."""
    return joints.with_name(joints.name.removesuffix("_joint_pos.txt") + "_color.png")


def inventory(folder: Path) -> list[Part]:
    """List the annotated samples of each first-level folder, and images that are missing."""
    parts = []
    for group in sorted(p for p in need_folder(folder, "SynthHands").iterdir() if p.is_dir()):
        paths = sorted(group.rglob("*_joint_pos.txt"))
        missing = [str(image_path(p)) for p in paths if not image_path(p).is_file()]
        parts.append(Part(f"{group.name} samples", len(paths) - len(missing), len(paths), missing))
    return parts or [Part("samples", 0, None, [f"no folders in {folder}"])]

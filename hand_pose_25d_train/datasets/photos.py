"""Photographs of hands with 2D pseudo-labels, as `hand-pose-25d label` writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.skeleton import REFERENCE_BONE, WRIST
from hand_pose_25d_train.datasets.archives import load_arrays
from hand_pose_25d_train.datasets.held_out import held_out as held_out_of
from hand_pose_25d_train.datasets.training_images import TrainingImage, TrainingImages

FOCAL_OVER_SIDE = 1.2
"""Focal length assumed where a photograph has none, in units of its longer side: 45 degrees."""


def plausible_camera(image: np.ndarray) -> Camera:
    """Return the camera assumed for a photograph (H, W, 3) without intrinsics."""
    height, width = image.shape[:2]
    focal = FOCAL_OVER_SIDE * max(height, width)
    return Camera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)


@dataclass
class LabelledPhoto:
    """One photograph of a hand."""

    name: str
    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    uv: np.ndarray
    """(21, 2) pixels."""
    world: np.ndarray
    """(21, 3) metres about the hand's centre, axes of the camera: MediaPipe's, weak labels."""
    is_right: bool
    mask: np.ndarray | None = None
    """(H, W) uint8, 255 on hand and arm: where known, the background can be replaced."""

    @property
    def camera(self) -> Camera:
        """A plausible camera: the photographs come without intrinsics."""
        return plausible_camera(self.image)

    @property
    def sign(self) -> int | None:
        """The ASL digit shown, where the name begins with it."""
        return int(self.name[0]) if self.name[0].isdigit() else None

    def virtual_camera(self, size: int) -> VirtualCamera:
        """Return the camera whose crop, (size, size) px, shows the hand as a right one."""
        region = Region.from_keypoints(self.uv)
        return VirtualCamera.from_region(self.camera, region, size, mirror=not self.is_right)

    @property
    def weak_depth(self) -> np.ndarray:
        """(21,) normalised root-relative depths by MediaPipe."""
        length = np.linalg.norm(np.subtract(*self.world[list(REFERENCE_BONE)]))
        return (self.world[:, 2] - self.world[WRIST, 2]) / max(float(length), 0.03)

    def training_image(self, weak_depth: float) -> TrainingImage:
        """Return what is learned from it; `weak_depth`: weight of MediaPipe's depths."""
        return TrainingImage(
            self.image,
            self.camera,
            self.uv,
            weak_depth=self.weak_depth,
            weak_weight=weak_depth,
            is_right=self.is_right,
            bones=True,
            mask=self.mask,
        )


def load_photos(folder: Path, labels: Path, held_out: bool | None) -> list[LabelledPhoto]:
    """Read a folder's labelled photographs into memory; `held_out` None for all of them.

    A photograph of several labelled hands comes once for each.  Which are held out is said by
    datasets/held_out.py and the folder's name.

    Raises FileNotFoundError where a labelled photograph is missing.
    """
    table = load_arrays(labels)
    names = [str(name) for name in table["names"]]
    masks = _read_masks(labels, names)
    indices = np.arange(len(names))
    if held_out is not None:
        indices = np.flatnonzero(held_out_of(Path(folder).name, names) == held_out)
    photos = []
    for i in indices:
        image = cv2.imread(str(Path(folder) / names[i]))
        if image is None:
            path = Path(folder) / names[i]
            raise FileNotFoundError(f"{path}, named in {labels}, cannot be read")
        photos.append(
            LabelledPhoto(
                names[i],
                cv2.cvtColor(image, cv2.COLOR_BGR2RGB),
                table["uv"][i].astype(np.float64),
                table["world"][i].astype(np.float64),
                bool(table["is_right"][i]),
                masks.get(names[i]),
            )
        )
    return photos


def _read_masks(labels: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Read the masks that `hand-pose-25d label --masks` put beside the labels."""
    folder = labels.with_suffix("")
    found = {}
    for name in names:
        path = folder / f"{name}.mask.png"
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
        if mask is not None:
            found[name] = mask
    return found


class PhotoSource:
    """Training images from photographs."""

    def __init__(self, photos: list[LabelledPhoto], weak_depth: float = 0.0) -> None:
        """`weak_depth`: weight of MediaPipe's depths."""
        self._images = [photo.training_image(weak_depth) for photo in photos]

    def __len__(self) -> int:
        return len(self._images)

    def draw(self, count: int, rng: np.random.Generator) -> TrainingImages:
        """Return so many photographs."""
        rows = rng.integers(len(self), size=count)
        return TrainingImages.of([self._images[row] for row in rows])

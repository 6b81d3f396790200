"""Sample: one annotated hand in one image, in the same form whichever dataset it came from.

Also what the readers share: images and files that fail by name, and the inventory of a dataset's
folder that `hand-pose-25d data check` prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from hand_pose_25d.io.bounded import load_json
from hand_pose_25d.io.images import decode_pixels
from hand_pose_25d.skeleton import NUM_KEYPOINTS

if TYPE_CHECKING:
    from hand_pose_25d.geometry.camera import Camera

_JSON_BYTES = 2**30
"""Of a data set's JSON file; FreiHAND's largest has 130 MB."""


@dataclass
class Sample:
    """One hand.  Canonical keypoint order; what is unknown is NaN (None for the handedness)."""

    name: str
    """Which sample of the dataset, for messages."""
    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    K: np.ndarray
    """(3, 3) intrinsics, pixels; all NaN where the dataset has none."""
    uv: np.ndarray
    """(21, 2) pixels of the image."""
    xyz: np.ndarray
    """(21, 3) metres, camera optical frame."""
    valid: np.ndarray
    """(21,) bool: this keypoint is annotated, in the image or in space."""
    visibility: np.ndarray
    """(21,) 1 seen, 0 hidden, NaN where the dataset does not say."""
    is_right: bool | None
    """Anatomical handedness; None where the dataset does not say."""
    head_size: float = float("nan")
    """Pixels, for PCKh."""
    box: tuple[float, float, float, float] | None = None
    """(x, y, w, h) pixels, where the dataset's protocol has a box of its own."""

    def __post_init__(self) -> None:
        n = NUM_KEYPOINTS
        shapes = {"K": (3, 3), "uv": (n, 2), "xyz": (n, 3), "valid": (n,), "visibility": (n,)}
        for key, shape in shapes.items():
            array = np.asarray(getattr(self, key), bool if key == "valid" else np.float64)
            if array.shape != shape:
                raise ValueError(f"{self.name}: {key} has the shape {array.shape}, not {shape}")
            setattr(self, key, array)
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(
                f"{self.name}: the image must be (H, W, 3) uint8, got "
                f"{self.image.shape} {self.image.dtype}"
            )

    @property
    def has_3d(self) -> bool:
        """Whether any keypoint has a position in space."""
        return bool(np.isfinite(self.xyz).all(-1).any())

    @cached_property
    def camera(self) -> Camera:
        """The camera of the image.

        Where the intrinsics are unknown (2D-only sets), a pinhole with a focal length of the
        image's longer side, about 53 degrees across: good enough to cut out a crop, never to be
        used for 3D.
        """
        from hand_pose_25d.geometry.camera import Camera

        height, width = self.image.shape[:2]
        if np.isfinite(self.K).all():
            fx, fy, cx, cy = self.K[0, 0], self.K[1, 1], self.K[0, 2], self.K[1, 2]
        else:
            fx = fy = float(max(width, height))
            cx, cy = (width - 1) / 2, (height - 1) / 2
        return Camera(
            fx=float(fx), fy=float(fy), cx=float(cx), cy=float(cy), width=width, height=height
        )

    def tight_box(self) -> tuple[float, float, float, float]:
        """Return the (x, y, w, h) box of the annotated pixels; ValueError where there are none."""
        points = self.uv[np.isfinite(self.uv).all(-1)]
        if not len(points):
            raise ValueError(f"{self.name}: no keypoint is annotated in the image")
        low, high = points.min(0), points.max(0)
        width, height = high - low
        return float(low[0]), float(low[1]), float(width), float(height)


class Dataset(Protocol):
    """What every reader offers."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; the error of a bad file names its path."""


@dataclass
class Part:
    """A line of a dataset's inventory."""

    name: str
    found: int
    expected: int | None = None
    """None where the dataset's size is not published."""
    missing: list[str] = field(default_factory=list)
    """Files that the annotations name and that are not there, or what else is wrong."""


def intrinsics(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """Return the (3, 3) matrix of a pinhole camera."""
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def project(xyz: np.ndarray, K: np.ndarray) -> np.ndarray:  # noqa: N803
    """Project (..., 3) points through a distortion-free camera to (..., 2) pixels."""
    return (xyz[..., :2] / xyz[..., 2:]) * (K[0, 0], K[1, 1]) + (K[0, 2], K[1, 2])


def read_dataset_image(path: Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """Read a colour image as RGB, others as they are; errors name the path."""
    if not path.is_file():
        raise FileNotFoundError(f"no image {path}")
    try:
        image = decode_pixels(path.read_bytes(), flags)
    except ValueError as error:
        raise ValueError(f"{path} is not an image that OpenCV reads: {error}") from error
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if flags == cv2.IMREAD_COLOR else image


def read_json(path: Path) -> Any:
    """Read a JSON file; errors name the path."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    return load_json(path, _JSON_BYTES)


def need_folder(folder: Path, what: str) -> Path:
    """Return the folder; FileNotFoundError saying what was looked for where there is none."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder} ({what})")
    return folder


def need_array(value: Any, shape: Sequence[int | None], where: str) -> np.ndarray:
    """Return a float64 array of the shape (None: any length); ValueError names `where`."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} is not an array of numbers") from error
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = "x".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{where} has the shape {array.shape}, not {wanted}")
    return array


def unknown(*shape: int) -> np.ndarray:
    """Return an array of NaN."""
    return np.full(shape, np.nan)

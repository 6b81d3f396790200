"""What the pose network learns from: one crop with whatever is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter

OUTSIDE = 0.08
"""Keypoints further outside the crop than this fraction of its side are not asked for."""


def _unknown() -> np.ndarray:
    return np.zeros(NUM_KEYPOINTS, np.float32)


@dataclass
class TrainingSample:
    """A crop of S x S pixels as the network sees it, and weights that say what is known."""

    image: np.ndarray
    """(S, S, 3) uint8 RGB."""
    uv: np.ndarray = field(default_factory=lambda: np.zeros((NUM_KEYPOINTS, 2), np.float32))
    """(21, 2) crop pixels."""
    uv_weight: np.ndarray = field(default_factory=_unknown)
    """(21,) 0 where the position is unknown or outside the crop."""
    depth: np.ndarray = field(default_factory=_unknown)
    """(21,) root-relative depths over the reference bone's length."""
    depth_weight: np.ndarray = field(default_factory=_unknown)
    """(21,) 0 for 2D-only samples."""
    presence: float = 0.0
    """1 where the crop shows a hand."""
    right: float = 0.0
    """1 where it looks like a right hand in the crop."""
    right_weight: float = 0.0
    focal: float = 1.0
    """Focal length of the crop's camera, crop pixels."""
    bones: float = 0.0
    """1 where, whatever is known of the depths, they are to make bones of plausible lengths."""
    rendered: bool = False
    """Its pixels have been through a simulated camera: they need less augmentation."""

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the fields as arrays to be stacked; the image as (3, S, S)."""
        return {
            "image": np.ascontiguousarray(self.image.transpose(2, 0, 1)),
            "uv": self.uv.astype(np.float32),
            "uv_weight": self.uv_weight.astype(np.float32),
            "depth": self.depth.astype(np.float32),
            "depth_weight": self.depth_weight.astype(np.float32),
            "presence": np.asarray(self.presence, np.float32),
            "right": np.asarray(self.right, np.float32),
            "right_weight": np.asarray(self.right_weight, np.float32),
            "focal": np.asarray(self.focal, np.float32),
            "bones": np.asarray(self.bones, np.float32),
        }


@dataclass(frozen=True)
class Jitter:
    """How training regions differ from the ideal one (Iqbal et al., Section 5: rotation,
    translation and scale augmentation)."""

    angle: float = 0.3
    """Standard deviation, radians."""
    any_angle: float = 0.12
    """Share of samples turned by any angle."""
    shift: float = 0.05
    """Standard deviation of the centre, in region sides."""
    scale: float = 0.13
    """Standard deviation of the log of the side."""
    wrong_side: float = 0.3
    """Share of samples shown as the other hand, so that handedness can be learned."""

    def place(self, uv: np.ndarray, rng: np.random.Generator) -> Region:
        """Draw a region for a hand whose (21, 2) pixels are known."""
        return self.region(Region.from_keypoints(uv), rng)

    def region(self, ideal: Region, rng: np.random.Generator) -> Region:
        """Draw a region around the ideal one."""
        turn = rng.normal(0, self.angle)
        if rng.random() < self.any_angle:
            turn = rng.uniform(-np.pi, np.pi)
        shift = rng.normal(0, self.shift, 2).clip(-0.2, 0.2) * ideal.size
        size = ideal.size * float(np.exp(np.clip(rng.normal(0, self.scale), -0.35, 0.35)))
        center = (ideal.center[0] + shift[0], ideal.center[1] + shift[1])
        return Region(center, size, ideal.angle + turn)


@dataclass(frozen=True)
class Cut:
    """A training crop cut out of an image: the view, and the labels in it."""

    view: VirtualCamera
    uv: np.ndarray
    uv_weight: np.ndarray
    looks_right: bool

    def depths(self, keypoints: np.ndarray) -> np.ndarray:
        """(21, 3) metres in the image's camera -> (21,) normalised depths in the crop's."""
        return encode(self.view.to_virtual(keypoints)).relative_depth


def cut(
    camera: Camera,
    uv: np.ndarray,
    is_right: bool,
    size: int,
    jitter: Jitter | PaperJitter,
    rng: np.random.Generator,
) -> Cut:
    """Place a jittered virtual camera on a hand whose (21, 2) pixels are known.

    The jitter turns and moves the virtual camera itself, so that depths taken in its frame stay
    exact under rotation and translation.
    """
    region = jitter.place(uv, rng)
    looks_right = bool(rng.random() >= jitter.wrong_side)
    view = VirtualCamera.from_region(camera, region, size, mirror=looks_right != is_right)
    seen = view.image_to_crop(uv)
    return Cut(view, np.nan_to_num(seen), near_crop(seen, size), looks_right)


def near_crop(uv: np.ndarray, size: int) -> np.ndarray:
    """(..., 2) crop px -> (...) float32: 1 in the crop or near it, 0 elsewhere and for NaN."""
    margin = OUTSIDE * size
    inside = np.isfinite(uv).all(-1) & (uv > -margin).all(-1) & (uv < size + margin).all(-1)
    return inside.astype(np.float32)

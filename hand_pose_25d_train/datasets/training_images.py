"""What the pose network learns from: images of one hand each, with whatever is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from torch import Tensor

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.augmentation.virtual_cameras import Cameras, Pinholes


def _unknown(*shape: int) -> np.ndarray:
    return np.full((NUM_KEYPOINTS, *shape), np.nan)


@dataclass
class TrainingImage:
    """One image.  What is unknown is NaN (None for the handedness)."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    camera: Camera | None = None
    """None where the image, a square one, shows no hand."""
    uv: np.ndarray = field(default_factory=lambda: _unknown(2))
    """(21, 2) px of the image."""
    keypoints: np.ndarray = field(default_factory=lambda: _unknown(3))
    """(21, 3) m in the camera's frame."""
    weak_depth: np.ndarray = field(default_factory=_unknown)
    """(21,) root-relative depths over the reference bone's length, for want of keypoints."""
    weak_weight: float = 0.0
    """Of the weak depths in the loss."""
    is_right: bool | None = None
    bones: bool = False
    """Whatever is known of the depths, they are to make bones of plausible lengths."""
    rendered: bool = False
    """Its pixels have been through a simulated camera: they need less augmentation."""
    mask: np.ndarray | None = None
    """(H, W) uint8, 255 where the hand is: where known, the background can be replaced."""


@dataclass
class TrainingImages:
    """B images, field by field as `TrainingImage` has them; tensors on a device, or arrays."""

    images: Sequence[np.ndarray] | Tensor
    """B of (H, W, 3) uint8 of any sizes, or (B, H, W, 3) uint8."""
    cameras: Sequence[Camera | None] | np.ndarray
    """Or (B,) focal lengths, px, of cameras whose axes meet the square images in the middle."""
    has_hand: np.ndarray
    """(B,) bool"""
    uv: np.ndarray
    """(B, 21, 2)"""
    keypoints: np.ndarray
    """(B, 21, 3)"""
    weak_depth: np.ndarray
    """(B, 21)"""
    weak_weight: np.ndarray
    """(B,)"""
    is_right: np.ndarray
    """(B,) 1, 0, or NaN where it is unknown."""
    bones: np.ndarray
    """(B,) bool"""
    rendered: np.ndarray
    """(B,) bool"""
    masks: Sequence[np.ndarray | None] | Tensor
    """B of (H, W), or (B, H, W) uint8."""
    has_mask: np.ndarray
    """(B,) bool"""

    @classmethod
    def of(cls, each: Sequence[TrainingImage]) -> TrainingImages:
        """Put single images together."""
        labels = Labels(len(each))
        for i, one in enumerate(each):
            labels.put(i, one)
        return labels.rows(
            np.arange(len(each)),
            [one.image for one in each],
            [one.camera for one in each],
            [one.mask for one in each],
        )

    def __len__(self) -> int:
        return len(self.has_hand)

    def cameras_of(self, rows: np.ndarray) -> Cameras | Pinholes:
        """Return the cameras of some of the images, all of which show hands."""
        if isinstance(self.cameras, np.ndarray):
            return Pinholes.centred(self.cameras[rows], self.images[0].shape[0])
        chosen = [self.cameras[i] for i in rows]
        return Cameras([camera for camera in chosen if camera is not None])


class Labels:
    """Arrays of what is known of a number of images, filled one by one."""

    def __init__(self, count: int) -> None:
        keypoints = (count, NUM_KEYPOINTS)
        self.uv = np.full((*keypoints, 2), np.nan)
        self.keypoints = np.full((*keypoints, 3), np.nan)
        self.weak_depth = np.full(keypoints, np.nan)
        self.weak_weight = np.zeros(count)
        self.is_right = np.full(count, np.nan)
        self.has_hand, self.bones, self.rendered, self.has_mask = np.zeros((4, count), bool)

    def put(self, i: int, one: TrainingImage) -> None:
        """Set the i-th row to what is known of an image."""
        self.has_hand[i] = one.camera is not None
        self.uv[i], self.keypoints[i] = one.uv, one.keypoints
        self.weak_depth[i], self.weak_weight[i] = one.weak_depth, one.weak_weight
        self.is_right[i] = np.nan if one.is_right is None else one.is_right
        self.bones[i], self.rendered[i] = one.bones, one.rendered
        self.has_mask[i] = one.mask is not None

    def rows(
        self,
        rows: np.ndarray,
        images: Sequence[np.ndarray] | Tensor,
        cameras: Sequence[Camera | None] | np.ndarray,
        masks: Sequence[np.ndarray | None] | Tensor,
    ) -> TrainingImages:
        """Return some rows with their images, cameras and masks."""
        return TrainingImages(
            images, cameras, self.has_hand[rows], self.uv[rows], self.keypoints[rows],
            self.weak_depth[rows], self.weak_weight[rows], self.is_right[rows], self.bones[rows],
            self.rendered[rows], masks, self.has_mask[rows],
        )  # fmt: skip


class TrainingSource(Protocol):
    """Something that training images are drawn from."""

    def draw(self, count: int, rng: np.random.Generator) -> TrainingImages:
        """Return so many images as they are: not yet cut or augmented."""
        ...


class Crops(Protocol):
    """Something that draws crops which show no hand."""

    def crops(self, count: int, size: int, rng: np.random.Generator) -> Tensor:
        """Return (count, 3, size, size) uint8 on the device that makes the batches."""
        ...

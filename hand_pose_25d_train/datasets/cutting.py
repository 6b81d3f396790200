"""Training crops and their labels, cut out of images by jittered virtual cameras."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from hand_pose_25d.skeleton import NUM_KEYPOINTS, REFERENCE_BONE, WRIST
from hand_pose_25d_train.augmentation.paper_jitter import PaperJitter
from hand_pose_25d_train.augmentation.regions import Jitter
from hand_pose_25d_train.augmentation.transfer import as_arrays, on
from hand_pose_25d_train.augmentation.virtual_cameras import VirtualCameras, identity, read_pixels
from hand_pose_25d_train.datasets.training_images import Crops, TrainingImages

TrainingBatch = dict[str, Tensor]


def cut(
    given: TrainingImages,
    size: int,
    jitter: Jitter | PaperJitter,
    backgrounds: Crops,
    replace: float,
    rng: np.random.Generator,
) -> TrainingBatch:
    """Make the crops of B images, (size, size) px, on the images' device, not yet augmented.

    `replace` of the images with masks get other backgrounds; images without a hand are scaled.
    `image` (B, 3, S, S) is uint8, the rest float32: `uv` (B, 21, 2) crop px, `uv_weight` (B, 21),
    0 where a position is unknown or outside, `depth` (B, 21), root-relative over the reference
    bone's length, `depth_weight` (B, 21), `presence` (B,), 1 for a hand, `is_right` (B,), 1 where
    it looks like a right hand in the crop, `handedness_weight` (B,), `focal` (B,) crop px, `bones`
    (B,), 1 where the depths are to make plausible bones.
    """
    count, keypoints = len(given), (len(given), NUM_KEYPOINTS)
    looks_right = rng.random(count) >= jitter.wrong_handedness
    is_right = np.nan_to_num(given.is_right, nan=1.0) > 0
    hands = np.flatnonzero(given.has_hand)
    uv, focal = np.zeros((*keypoints, 2)), np.ones(count)
    uv_weight, depth, depth_weight = np.zeros((3, *keypoints))
    cameras = None
    if len(hands):
        # Regions are placed on what is annotated: the others count as lying in its middle.
        known = np.isfinite(given.uv[hands]).all(-1)
        middle = np.nanmean(given.uv[hands], axis=1, keepdims=True)
        points = np.where(known[..., None], given.uv[hands], middle)
        regions = jitter.place(points, rng)
        mirror = (looks_right != is_right)[hands]
        cameras = VirtualCameras.of(given.cameras_of(hands), regions, size, mirror)
        uv[hands], uv_weight[hands] = cameras.labels(points)
        uv_weight[hands] *= known
        focal[hands] = cameras.focal
        depth[hands], depth_weight[hands] = _depths(given, hands, cameras)
    replaced = given.has_mask & (rng.random(count) < replace)
    behind = backgrounds.crops(int(replaced.sum()), size, rng)
    read = _read_tensors if isinstance(given.images, Tensor) else _read_arrays
    images = read(given, cameras, size, np.flatnonzero(replaced), behind)
    labels = {
        "uv": uv, "uv_weight": uv_weight, "depth": depth, "depth_weight": depth_weight,
        "presence": given.has_hand * 1.0, "is_right": 1.0 * (looks_right & given.has_hand),
        "handedness_weight": 1.0 * (given.has_hand & np.isfinite(given.is_right)),
        "focal": focal, "bones": given.bones * 1.0,
    }  # fmt: skip
    return {"image": images, **{key: on(images.device, value) for key, value in labels.items()}}


def _depths(
    given: TrainingImages, hands: np.ndarray, cameras: VirtualCameras
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 21) depths and their weights: exact ones where the keypoints are known, or weak ones."""
    points = given.keypoints[hands]
    exact = np.isfinite(points[:, [WRIST, *REFERENCE_BONE]]).all((1, 2))[:, None]
    depths = np.where(exact, cameras.depths(points), given.weak_depth[hands])
    weight = np.where(exact, 1.0, given.weak_weight[hands, None])
    return np.nan_to_num(depths), weight * np.isfinite(depths)


def _read_arrays(
    given: TrainingImages,
    cameras: VirtualCameras | None,
    size: int,
    replaced: np.ndarray,
    behind: Tensor,
) -> Tensor:
    """Cut by OpenCV out of images of any sizes: (B, 3, S, S) uint8."""
    crops = np.empty((len(given), size, size, 3), np.uint8)
    others = dict(zip(replaced.tolist(), as_arrays(behind), strict=True))
    number = -1
    for i, image in enumerate(given.images):
        if not given.has_hand[i] or cameras is None:
            crops[i] = cv2.resize(_array(image), (size, size), interpolation=cv2.INTER_LINEAR)
            continue
        number += 1
        camera = cameras.camera(number)
        crops[i] = camera.sample(_array(image))
        if i in others:
            mask = camera.sample(_array(given.masks[i]))[..., None].astype(np.float32) / 255
            crops[i] = crops[i] * mask + others[i] * (1 - mask) + 0.5
    return torch.from_numpy(crops).permute(0, 3, 1, 2)


def _read_tensors(
    given: TrainingImages,
    cameras: VirtualCameras | None,
    size: int,
    replaced: np.ndarray,
    behind: Tensor,
) -> Tensor:
    """Cut by torch out of square images of one size, on their device: (B, 3, S, S) uint8."""
    images = given.images
    assert isinstance(images, Tensor)
    homographies = identity(images.shape[1], len(given), size)
    if cameras is not None:
        homographies[np.flatnonzero(given.has_hand)] = cameras.homographies
    device = images.device
    crops = read_pixels(images.permute(0, 3, 1, 2).float(), on(device, homographies), size)
    if len(replaced) and isinstance(given.masks, Tensor):
        places = on(device, replaced)
        masks = given.masks[places][:, None].float()
        masks = read_pixels(masks, on(device, homographies[replaced]), size) / 255
        crops[places] = crops[places] * masks + behind * (1 - masks)
    return crops.round().clamp(0, 255).byte()


def _array(image: np.ndarray | Tensor | None) -> np.ndarray:
    assert isinstance(image, np.ndarray)
    return image

"""Crops of an image in torch: the image goes to the GPU once, the crops never leave it.

The same crops as `VirtualCamera.sample`, but for rounding: there the filter is OpenCV's.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hand_pose_25d.geometry.virtual_camera import VirtualCamera


class UploadedImage:
    """The last frame's image on a device, from pinned memory where that is a GPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._frame: weakref.ref[Any] | None = None
        self._pinned: Tensor | None = None
        self._image: Tensor | None = None
        self._copied: Any = None

    def of(self, frame: Any) -> Tensor:
        """Return (1, 3, H, W) float32 in 0..255 of a `Frame`; a second time without a copy."""
        if self._image is not None and self._frame is not None and self._frame() is frame:
            return self._image
        pixels = torch.from_numpy(np.require(frame.image, requirements=["C", "W"]))
        if self._device.type == "cuda":
            if self._copied is not None:
                self._copied.synchronize()  # the buffer's last copy may be under way
            if self._pinned is None or self._pinned.shape != pixels.shape:
                self._pinned = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
            self._pinned.copy_(pixels)
            pixels = self._pinned.to(self._device, non_blocking=True)
            self._copied = torch.cuda.Event()
            self._copied.record()
        self._image = pixels.permute(2, 0, 1)[None].float()
        self._frame = weakref.ref(frame)
        return self._image


def sample_crops(image: Tensor, cameras: Sequence[VirtualCamera]) -> Tensor:
    """Return the crops (N, S, S, 3) uint8 of an image (1, 3, H, W); black beyond the image."""
    crops = [_crop(image, camera) for camera in cameras]
    return torch.cat(crops).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _crop(image: Tensor, camera: VirtualCamera) -> Tensor:
    """(1, 3, H, W), one camera -> (1, 3, S, S)."""
    where = _positions(camera, image.device)
    k = camera.shrink
    if k > 1:
        # Cells are counted from the image's corner; a pixel's centre lies in the cell's middle.
        image = functional.avg_pool2d(image, k)
        where = (where + 0.5) / k - 0.5
    if camera.blur:
        image = _blurred(image, camera.blur)
    height, width = image.shape[-2:]
    size = torch.tensor([width - 1, height - 1], dtype=torch.float32, device=image.device)
    grid = 2 * where / size.clamp(min=1) - 1
    return functional.grid_sample(image, grid[None], align_corners=True)


def _blurred(image: Tensor, variance: float) -> Tensor:
    """Smooth by the three taps of this variance, in both directions."""
    side = variance / 2
    taps = torch.tensor([side, 1 - 2 * side, side], dtype=image.dtype, device=image.device)
    padded = functional.pad(image, (1, 1, 1, 1), mode="replicate")
    across = functional.conv2d(padded, taps.reshape(1, 1, 1, 3).expand(3, 1, 1, 3), groups=3)
    return functional.conv2d(across, taps.reshape(1, 1, 3, 1).expand(3, 1, 3, 1), groups=3)


def _positions(camera: VirtualCamera, device: torch.device) -> Tensor:
    """Return (S, S, 2) image pixels of a crop's pixels."""
    if camera.camera.is_distorted:
        return torch.from_numpy(np.stack(camera.maps, axis=-1)).to(device)
    matrix = torch.from_numpy(camera.homography.astype(np.float32)).to(device)
    line = torch.arange(camera.size, dtype=torch.float32, device=device)
    v, u = torch.meshgrid(line, line, indexing="ij")
    xyz = torch.stack([u, v, torch.ones_like(u)], dim=-1) @ matrix.T
    return xyz[..., :2] / xyz[..., 2:]

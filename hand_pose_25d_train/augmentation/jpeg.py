"""What JPEG does to images.

On a GPU no bytes are written: colour as in JFIF, chroma at half the resolution, the quantisation
tables of ITU-T T.81 Annex K scaled by the quality as libjpeg does, which is what `cv2.imencode`
writes by default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d_train.augmentation.colour import LUMINANCE_WEIGHTS
from hand_pose_25d_train.augmentation.transfer import on

# fmt: off
LUMINANCE = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
], np.float64).reshape(8, 8)
CHROMINANCE = np.array([
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
], np.float64).reshape(8, 8)
# fmt: on
TO_YCC = np.array([LUMINANCE_WEIGHTS, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def tables(table: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Return the quantisation tables (B, 8, 8) of the qualities (B,), 1 ... 100."""
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((table * scale[:, None, None] + 50) // 100, 1, 255)


@lru_cache(maxsize=1)
def _dct() -> np.ndarray:
    """(64, 64): the orthonormal discrete cosine transform of blocks, row by row."""
    k, n = np.mgrid[0:8, 0:8]
    line = np.cos((2 * n + 1) * k * math.pi / 16) * np.where(k == 0, math.sqrt(0.5), 1.0) / 2
    return np.kron(line, line)


@dataclass(frozen=True)
class Compression:
    """Images as JPEG leaves them."""

    quality: np.ndarray
    """(n,) 1 ... 100"""

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator) -> Compression:
        """Draw n qualities."""
        return cls(rng.integers(25, 90, count))

    def on_array(self, image: np.ndarray, i: int) -> np.ndarray:
        """Write and read it."""
        quality = (cv2.IMWRITE_JPEG_QUALITY, int(self.quality[i]))
        _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
        return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def on_tensor(self, images: Tensor) -> Tensor:
        """Round the coefficients of the blocks.

        Sides that are no multiples of 16 px are filled up with the last row and column.
        """
        height, width = images.shape[-2:]
        padding = [0, -width % 16, 0, -height % 16]
        ycc = _mixed(TO_YCC, F.pad(images, padding, mode="replicate"))
        luminance = _quantised(ycc[:, :1] - 128, tables(LUMINANCE, self.quality)) + 128
        small = _quantised(F.avg_pool2d(ycc[:, 1:], 2), tables(CHROMINANCE, self.quality))
        chroma = F.interpolate(small, ycc.shape[-2:], mode="bilinear", align_corners=False)
        back = _mixed(np.linalg.inv(TO_YCC), torch.cat([luminance, chroma], 1))
        return back[..., :height, :width]


def _mixed(matrix: np.ndarray, images: Tensor) -> Tensor:
    """Apply a (3, 3) matrix to the channels."""
    return (on(images.device, matrix) @ images.flatten(2)).view_as(images)


def _quantised(planes: Tensor, steps: np.ndarray) -> Tensor:
    """(B, C, H, W) -> the same after rounding the blocks' coefficients to `steps` (B, 8, 8)."""
    batch, channels, height, width = planes.shape
    blocks = planes.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    dct = on(planes.device, _dct())
    step = on(planes.device, steps.reshape(batch, 1, 64) * 1.0)
    coefficients = blocks.reshape(batch, -1, 64) @ dct.T
    rounded = coefficients.div_(step).round_().mul_(step)
    back = (rounded @ dct).view(batch, channels, height // 8, width // 8, 8, 8)
    return back.transpose(3, 4).reshape(planes.shape)

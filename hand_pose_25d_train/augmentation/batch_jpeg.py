"""What JPEG does to images, for whole batches of tensors: no bytes are written.

Colour as in JFIF, chroma at half the resolution, the quantisation tables of ITU-T T.81 Annex K
scaled by the quality as libjpeg does: what `cv2.imencode` writes by default.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hand_pose_25d_train.datasets.transfer import on

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
TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)


def tables(table: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Return the quantisation tables (B, 8, 8) of the qualities (B,), 1 ... 100."""
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((table * scale[:, None, None] + 50) // 100, 1, 255)


@lru_cache(maxsize=1)
def _dct() -> np.ndarray:
    """(8, 8): the orthonormal discrete cosine transform."""
    k, n = np.mgrid[0:8, 0:8]
    return np.cos((2 * n + 1) * k * math.pi / 16) * np.where(k == 0, math.sqrt(0.5), 1.0) / 2


def jpeg(images: Tensor, quality: np.ndarray) -> Tensor:
    """Return (B, 3, S, S) RGB images, 0 ... 255, as JPEG of the qualities (B,) leaves them.

    S is a multiple of 16; raises ValueError for another.
    """
    size = images.shape[-1]
    if size % 16 or images.shape[-2] != size:
        raise ValueError(f"sides must be equal multiples of 16 px, are {tuple(images.shape[-2:])}")
    ycc = torch.einsum("ij,bjhw->bihw", on(images.device, TO_YCC), images)
    luminance = _quantised(ycc[:, :1] - 128, tables(LUMINANCE, quality)) + 128
    small = _quantised(F.avg_pool2d(ycc[:, 1:], 2), tables(CHROMINANCE, quality))
    chroma = F.interpolate(small, (size, size), mode="bilinear", align_corners=False)
    back = on(images.device, np.linalg.inv(TO_YCC))
    return torch.einsum("ij,bjhw->bihw", back, torch.cat([luminance, chroma], 1))


def _quantised(planes: Tensor, steps: np.ndarray) -> Tensor:
    """(B, C, H, W) -> the same after rounding the blocks' coefficients to `steps` (B, 8, 8)."""
    batch, channels, height, width = planes.shape
    blocks = planes.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    dct = on(planes.device, _dct())
    step = on(planes.device, steps * 1.0)[:, None, None, None]
    coefficients = dct @ blocks @ dct.T
    rounded = (coefficients / step).round() * step
    return (dct.T @ rounded @ dct).transpose(3, 4).reshape(planes.shape)

"""Arrays and images on their way to the device that trains, and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def on(device: torch.device, values: np.ndarray) -> Tensor:
    """Return an array as a tensor there, numbers as float32, indices as they are."""
    if values.dtype == np.float64:
        values = values.astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    if device.type == "cuda":
        tensor = tensor.pin_memory()  # else the copy would wait for all that the GPU has to do
    return tensor.to(device, non_blocking=True)


def as_arrays(images: Tensor) -> np.ndarray:
    """View (B, 3, S, S) images of the CPU as the (B, S, S, 3) that OpenCV takes."""
    return images.permute(0, 2, 3, 1).numpy()

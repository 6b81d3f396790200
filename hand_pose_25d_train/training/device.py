"""Where a network is trained, and in which numbers."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def training_device(name: str) -> torch.device:
    """Return the device; "auto" is this process's CUDA device where there is one."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")


def training_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the convolutions' type; "auto" is bfloat16 where the hardware multiplies it."""
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[
            name
        ]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    native = any(flag in _cpu_flags() for flag in ("amx_bf16", "avx512_bf16"))
    fast = native and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def _cpu_flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""

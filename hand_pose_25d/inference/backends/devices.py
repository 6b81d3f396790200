"""What this machine can run networks on, found out without importing torch."""

from __future__ import annotations

import functools
import importlib.util
import re
from pathlib import Path

from hand_pose_25d.inference.backends.base import PRECISIONS, one_of

NVIDIA = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg", "/proc/driver/nvidia")
"""Of a driver on a PC, on Jetson and in the Windows subsystem for Linux."""
BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
"""Of CPUs that multiply bfloat16 numbers; others take many times float32's time for it."""
INT8_FLAGS = ("avx2",)
"""Of CPUs on which bytes beat float32 by a fifth, or, with VNNI beside it, by a third."""


def installed(package: str) -> bool:
    """Tell whether a package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def has_nvidia_device() -> bool:
    """Tell whether the machine has a GPU of NVIDIA's and its driver."""
    return any(Path(path).exists() for path in NVIDIA)


def cpu_has_bfloat16() -> bool:
    """Tell whether the CPU has instructions for bfloat16."""
    return not _cpu_flags().isdisjoint(BFLOAT16_FLAGS)


def cpu_has_int8() -> bool:
    """Tell whether the CPU has instructions with which int8 beats float32."""
    return not _cpu_flags().isdisjoint(INT8_FLAGS)


@functools.cache
def _cpu_flags() -> frozenset[str]:
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    return frozenset(info.split())


def check_device(device: str) -> None:
    """Raise ValueError unless the device is "auto", "cpu", "cuda" or "cuda:N"."""
    if device not in ("auto", "cpu") and not re.fullmatch(r"cuda(:\d+)?", str(device)):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {device!r}")


def pick_device(device: str) -> str:
    """Return the torch device meant by "auto", "cpu", "cuda" or "cuda:N".

    "auto" is "cuda" where the machine has an NVIDIA device that torch sees.  Raises ValueError for
    another name, for a CUDA device that torch does not see, and for CUDA without torch.
    """
    check_device(device)
    if device == "cpu" or (device == "auto" and not has_nvidia_device()):
        return "cpu"
    if not installed("torch"):
        if device == "auto":
            return "cpu"
        raise ValueError(f"device {device!r} needs the package torch, a build with CUDA")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "cuda" if count else "cpu"
    if int(device.partition(":")[2] or 0) >= count:
        seen = f"torch {torch.__version__} sees {count} CUDA devices"
        raise ValueError(f"device {device!r}: {seen}")
    return device


def pick_precision(precision: str, device: str) -> str:
    """Return the arithmetic meant by `precision` on a device.

    "auto" is float16 on CUDA and float32 on a CPU, whatever the CPU: answers do not change with
    the machine.  Raises ValueError for an unknown one, and for float16 on a CPU.
    """
    one_of("precision", precision, PRECISIONS)
    if precision == "int8":
        raise ValueError("precision int8 is for backend onnxruntime on a CPU")
    if precision == "auto":
        return "float16" if device.startswith("cuda") else "float32"
    if precision == "float16" and device == "cpu":
        raise ValueError("precision float16 needs a GPU; on a CPU take float32 or bfloat16")
    return precision

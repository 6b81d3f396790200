"""Compiles depthwise.cpp and calls it: fast depthwise convolutions for training on a CPU.

A training step of the pose network waits more for its depthwise convolutions' gradients than
for anything else.  Without a C++ compiler nothing is lost but time: `available()` is False.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("depthwise.cpp")
KERNELS = (3, 5)
DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}

Clamp = tuple[float, float]
Padding = tuple[int, int]
"""Rows above and columns to the left; what the output's size asks for is added at the far ends."""

logger = logging.getLogger(__name__)


@functools.cache
def _library() -> ctypes.CDLL | None:
    named = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++") or ""
    compiler = shlex.split(named)
    if not compiler or shutil.which(compiler[0]) is None or not SOURCE.exists():
        logger.info("no C++ compiler: training uses PyTorch's depthwise convolutions")
        return None
    # The processor's own instructions, hence compiled by each process for itself: 3 seconds.
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "depthwise.so"
        flags = ["-std=c++20", "-O3", "-march=native", "-shared", "-fPIC", "-pthread"]
        done = subprocess.run(
            [*compiler, *flags, str(SOURCE), "-o", str(target)], capture_output=True, text=True
        )
        if done.returncode:
            logger.warning("%s could not compile %s: %s", named, SOURCE.name, done.stderr)
            return None
        return ctypes.CDLL(str(target))


def available() -> bool:
    """Whether this machine can compile the convolutions; tries on the first call."""
    return _library() is not None


def supports(x: Tensor, weight: Tensor) -> bool:
    """Whether `convolve` takes them, here and as autocast has them."""
    fits = x.device.type == "cpu" and weight.shape[-1] in KERNELS and _type_of(x) in DTYPES
    return fits and available()


def _type_of(x: Tensor) -> torch.dtype:
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: Padding,
    size: tuple[int, int],
    clamp: Clamp | None = None,
) -> Tensor:
    """Depthwise convolution of (B, C, H, W) with (C, 1, k, k), k 3 or 5, to (B, C, *size).

    `clamp` bounds the result (ReLU6: 0, 6).  The type is x's, float32 or bfloat16, under autocast
    autocast's; sums are float32.  Gradients as autograd's.  Raises ValueError for other kernels
    and types, RuntimeError where `available()` is False.
    """
    x = x.to(_type_of(x))
    if weight.shape[-1] not in KERNELS or x.dtype not in DTYPES:
        raise ValueError(
            f"kernel {weight.shape[-1]}, {x.dtype}: allowed are kernels of 3 and 5, and "
            f"{', '.join(map(str, DTYPES))}"
        )
    if not available():
        raise RuntimeError("depthwise.cpp could not be compiled here")
    if bias is None:
        bias = torch.zeros(len(weight))
    x = x.contiguous(memory_format=torch.channels_last)
    result: Tensor = _Depthwise.apply(x, weight, bias, (stride, *padding), size, clamp)
    return result


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        placing: tuple[int, int, int],
        size: tuple[int, int],
        clamp: Clamp | None,
    ) -> Tensor:
        bounds = clamp or (-torch.inf, torch.inf)
        y = torch.empty((*x.shape[:2], *size), dtype=x.dtype, memory_format=torch.channels_last)
        shape = (ctypes.c_int64 * 9)(*_images(x), *size, *placing)
        _call("forward", weight, x.dtype, (x, _taps(weight), bias.float(), y), shape, bounds)
        ctx.save_for_backward(x, weight, y)
        ctx.geometry = shape, bounds
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        shape, bounds = ctx.geometry
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        taps = _taps(weight)
        of_taps, of_bias = torch.empty_like(taps), torch.empty(len(weight))
        arrays = (gradient.to(x.dtype), x, y, taps, of_x, of_taps, of_bias)
        _call("backward", weight, x.dtype, arrays, shape, bounds)
        of_weight = of_taps.t().reshape(weight.shape).to(weight.dtype)
        return of_x, of_weight, of_bias, None, None, None


def _images(x: Tensor) -> tuple[int, int, int, int]:
    return x.shape[0], x.shape[1], x.shape[2], x.shape[3]


def _taps(weight: Tensor) -> Tensor:
    """(C, 1, k, k) -> (k * k, C) float32."""
    return weight.detach().float().flatten(1).t().contiguous()


def _call(
    what: str,
    weight: Tensor,
    dtype: torch.dtype,
    arrays: tuple[Tensor | None, ...],
    shape: ctypes.Array[ctypes.c_int64],
    bounds: Clamp,
) -> None:
    function = getattr(_library(), f"{what}_{weight.shape[-1]}_{DTYPES[dtype]}")
    pointers = [ctypes.c_void_p(None if a is None else a.data_ptr()) for a in arrays]
    low, high = map(ctypes.c_float, bounds)
    function(*pointers, shape, low, high, torch.get_num_threads())

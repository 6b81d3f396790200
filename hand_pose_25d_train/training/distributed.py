"""Training on several GPUs with torchrun: one process each, gradients averaged (DDP)."""

from __future__ import annotations

import os

import torch
from torch import nn


def world() -> tuple[int, int]:
    """Return (rank, number of processes): (0, 1) outside torchrun."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def is_first() -> bool:
    """Say whether this process is the one that logs and saves."""
    return world()[0] == 0


def wrap(model: nn.Module, device: torch.device) -> nn.Module:
    """Return the module as it is, or under torchrun in DistributedDataParallel."""
    if world()[1] == 1:
        return model
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return nn.parallel.DistributedDataParallel(
        model,
        device_ids=[device.index] if device.type == "cuda" else None,
        # A network without an initial regression has spreads about it all the same.
        find_unused_parameters=True,
    )


def finish() -> None:
    """Leave the process group, if there is one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()

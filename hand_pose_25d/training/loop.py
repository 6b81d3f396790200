"""One training loop for every network: optimiser, schedule, EMA, checkpoints, logs.

A run lives in a folder: `checkpoint.pt` (resumed from after a kill), `tensorboard/`, and what the
caller's snapshots write.  Batches come from `batches(start_step)`, a function of the step alone,
so that a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Batch = dict[str, Any]
LossFunction = Callable[[nn.Module, Batch, int], dict[str, Tensor]]
BatchSource = Callable[[int], Iterator[Batch]]
Snapshot = Callable[[nn.Module, int], dict[str, float] | None]

OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "step", "constant")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")

logger = logging.getLogger(__name__)


@dataclass
class LoopConfig:
    """How to train.  Raises ValueError for values that are not allowed."""

    out: Path
    steps: int
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup_steps: int = 200
    milestones: list[int] = field(default_factory=list)
    """Steps at which the "step" schedule multiplies the learning rate by `gamma`."""
    gamma: float = 0.1
    final_factor: float = 0.01
    """Where the cosine ends, as a fraction of the learning rate."""
    slow: list[str] = field(default_factory=list)
    """Parameters whose names begin with one of these learn `slow_factor` times as fast."""
    slow_factor: float = 0.1
    clip_norm: float = 5.0
    ema_decay: float = 0.999
    precision: str = "auto"
    device: str = "auto"
    seed: int = 0
    snapshot_every: int = 1000
    checkpoint_every: int = 250
    log_every: int = 20

    def __post_init__(self) -> None:
        self.out = Path(self.out)
        for name, allowed in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} {getattr(self, name)!r}: allowed are {', '.join(allowed)}"
                )
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, is {self.steps}")

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "step":
            return self.learning_rate * self.gamma ** sum(step >= m for m in self.milestones)
        progress = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.learning_rate * (self.final_factor + (1 - self.final_factor) * cosine)


def pick_device(name: str) -> torch.device:
    """Return the device; "auto" is this process's CUDA device where there is one."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")


def pick_precision(name: str, device: torch.device) -> torch.dtype:
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


class _Losses(nn.Module):
    """The network and its losses as one module: what DistributedDataParallel can wrap."""

    def __init__(self, model: nn.Module, loss_fn: LossFunction) -> None:
        super().__init__()
        self.model = model
        self.loss_fn = loss_fn

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        return self.loss_fn(self.model, batch, step)


class Average:
    """Exponential moving average of a network's weights, in float32."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the model's weights; faster in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)


def make_optimizer(model: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """Return the optimiser: no decay for biases and norms, slow groups as configured."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            slow = any(name.startswith(prefix) for prefix in config.slow)
            groups.setdefault((slow, parameter.ndim > 1), []).append(parameter)
    options = [
        {
            "params": parameters,
            "factor": config.slow_factor if slow else 1.0,
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (slow, decays), parameters in sorted(groups.items())
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(options, lr=config.learning_rate, momentum=config.momentum)
    return torch.optim.AdamW(options, lr=config.learning_rate)


def fit(
    model: nn.Module,
    loss_fn: LossFunction,
    batches: BatchSource,
    config: LoopConfig,
    on_snapshot: Snapshot | None = None,
) -> nn.Module:
    """Train; return the network with its averaged weights.

    `loss_fn(model, batch, step)` returns scalars, "loss" the one to minimise, all of them logged.
    `on_snapshot(averaged_model, step)` runs every `snapshot_every` steps and at the end; what it
    returns is logged.  Under torchrun every process trains on its own batches, and the first one
    logs and saves.  Raises FloatingPointError where the loss is not finite.
    """
    from torch.utils.tensorboard import SummaryWriter
    from tqdm import tqdm

    from hand_pose_25d.training.distributed import finish, is_first, wrap

    device = pick_device(config.device)
    precision = pick_precision(config.precision, device)
    torch.manual_seed(config.seed)
    model = model.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = make_optimizer(model, config)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
    average = Average(model, config.ema_decay)
    checkpoint = config.out / "checkpoint.pt"
    config.out.mkdir(parents=True, exist_ok=True)
    start = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        average.state = state["average"]
        start = int(state["step"])
        logger.info("resumed %s at step %d", checkpoint, start)
    losses_of = wrap(_Losses(model, loss_fn), device)
    writer = SummaryWriter(str(config.out / "tensorboard")) if is_first() else None
    sums: dict[str, float] = {}
    progress = tqdm(
        total=config.steps, initial=start, unit="step", disable=not is_first(), mininterval=5
    )
    for step, batch in zip(range(start, config.steps), batches(start), strict=False):
        rate = config.rate(step)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        moved = {
            k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v
            for k, v in batch.items()
        }
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            losses = losses_of(moved, step)
        loss = losses["loss"]
        if not torch.isfinite(loss):
            raise FloatingPointError(f"step {step}: the loss is {loss.item()}")
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        scaler.step(optimizer)
        scaler.update()
        average.update(model, step)
        done = step + 1
        progress.update()
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        if writer is not None and done % config.log_every == 0:
            values = {name: total / config.log_every for name, total in sums.items()}
            sums.clear()
            progress.set_postfix({k: f"{v:.4g}" for k, v in list(values.items())[:5]})
            for name, value in values.items():
                writer.add_scalar(f"train/{name}", value, done)
            writer.add_scalar("train/rate", rate, done)
        if is_first() and (done % config.checkpoint_every == 0 or done == config.steps):
            state = {
                "model": model.state_dict(),
                "average": average.state,
                "optimizer": optimizer.state_dict(),
                "scaler": scaler.state_dict(),
                "step": done,
            }
            torch.save(state, checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
        last = done == config.steps
        if on_snapshot and is_first() and (done % config.snapshot_every == 0 or last):
            for name, value in _snapshot(model, average, on_snapshot, done).items():
                if writer is not None:
                    writer.add_scalar(f"snapshot/{name}", value, done)
    progress.close()
    if writer is not None:
        writer.close()
    finish()
    model.load_state_dict(average.state)
    return model.eval()


def _snapshot(
    model: nn.Module, average: Average, on_snapshot: Snapshot, step: int
) -> dict[str, float]:
    """Run the caller's snapshot on the averaged weights, then put the trained ones back."""
    trained = {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(average.state)
    model.eval()
    with torch.no_grad():
        values = on_snapshot(model, step) or {}
    model.load_state_dict(trained)
    model.train()
    logger.info("step %d: %s", step, ", ".join(f"{k} {v:.4g}" for k, v in values.items()))
    return values

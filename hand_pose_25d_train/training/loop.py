"""One training loop for every network: optimiser, schedule, EMA, checkpoints, logs.

A run lives in a folder: `checkpoint.pt` (resumed from after a kill), `tensorboard/`, and what the
caller's snapshots write.  Batches come from `batches(start_step)`, a function of the step alone,
so that a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from hand_pose_25d_train.networks.cpu.fast_layers import fast_layers
from hand_pose_25d_train.training.average import Average
from hand_pose_25d_train.training.device import training_device, training_precision
from hand_pose_25d_train.training.loop_config import LoopConfig

_Batch = dict[str, Any]
LossFunction = Callable[[nn.Module, _Batch, int], dict[str, Tensor]]
BatchSource = Callable[[int], Iterator[_Batch]]
Snapshot = Callable[[nn.Module, int], dict[str, float] | None]

logger = logging.getLogger(__name__)


class _Losses(nn.Module):
    """The network and its losses as one module: what DistributedDataParallel can wrap."""

    def __init__(self, model: nn.Module, loss_fn: LossFunction) -> None:
        super().__init__()
        self.model = model
        self.loss_fn = loss_fn

    def forward(self, batch: _Batch, step: int) -> dict[str, Tensor]:
        return self.loss_fn(self.model, batch, step)


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
    fused = next(model.parameters()).device.type == "cuda"
    return torch.optim.AdamW(options, lr=config.learning_rate, fused=fused)


def fit_network(
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
    logs and saves.  Raises FloatingPointError where the loss is not finite (on a GPU, which is not
    waited for at every step, when it is logged or saved next), ValueError for `minutes` there.
    """
    with fast_layers(model):
        return _fit(model, loss_fn, batches, config, on_snapshot)


def _fit(
    model: nn.Module,
    loss_fn: LossFunction,
    batches: BatchSource,
    config: LoopConfig,
    on_snapshot: Snapshot | None,
) -> nn.Module:
    from torch.utils.tensorboard import SummaryWriter
    from tqdm import tqdm

    from hand_pose_25d_train.training.distributed import finish, is_first, world, wrap

    if config.minutes is not None and world()[1] > 1:
        raise ValueError("minutes: processes that train together end at a step, not by the clock")
    device = training_device(config.device)
    precision = training_precision(config.precision, device)
    torch.manual_seed(config.seed)
    model = model.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = make_optimizer(model, config)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
    average = Average(model, config.ema_decay)
    checkpoint = config.out / "checkpoint.pt"
    config.out.mkdir(parents=True, exist_ok=True)
    start, before = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        average.state = state["average"]
        start, before = int(state["step"]), float(state.get("seconds", 0.0))
        logger.info("resumed %s at step %d", checkpoint, start)
    losses_of = wrap(_Losses(model, loss_fn), device)
    writer = SummaryWriter(str(config.out / "tensorboard")) if is_first() else None
    sums: dict[str, Tensor] = {}
    progress = tqdm(
        total=config.steps, initial=start, unit="step", disable=not is_first(), mininterval=5
    )
    began = time.monotonic() - before
    end = start if config.is_over(before) else config.steps
    for step, batch in zip(range(start, end), batches(start), strict=False):
        rate = config.rate(step, time.monotonic() - began)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        moved = {
            k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v
            for k, v in batch.items()
        }
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            losses = losses_of(moved, step)
        loss = losses["loss"]
        done = step + 1
        seconds = time.monotonic() - began
        last = done == config.steps or config.is_over(seconds)
        logs, saves = done % config.log_every == 0, done % config.checkpoint_every == 0 or last
        if (device.type == "cpu" or logs or saves) and not torch.isfinite(loss):
            raise FloatingPointError(f"step {step}: the loss is {loss.item()}")
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        scaler.step(optimizer)
        scaler.update()
        average.update(model, step)
        progress.update()
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.detach()
        if writer is not None and logs:
            values = {name: float(total) / config.log_every for name, total in sums.items()}
            sums.clear()
            progress.set_postfix({k: f"{v:.4g}" for k, v in list(values.items())[:5]})
            for name, mean in values.items():
                writer.add_scalar(f"train/{name}", mean, done)
            writer.add_scalar("train/rate", rate, done)
        if is_first() and saves:
            state = {
                "model": model.state_dict(),
                "average": average.state,
                "optimizer": optimizer.state_dict(),
                "scaler": scaler.state_dict(),
                "step": done,
                "seconds": seconds,
            }
            torch.save(state, checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
        if on_snapshot and is_first() and (done % config.snapshot_every == 0 or last):
            for name, found in _snapshot(model, average, on_snapshot, done).items():
                if writer is not None:
                    writer.add_scalar(f"snapshot/{name}", found, done)
        if last:
            break
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
    # Few batches: trying all ways of making them would take longer.
    with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, benchmark=False):
        values = on_snapshot(model, step) or {}
    model.load_state_dict(trained)
    model.train()
    logger.info("step %d: %s", step, ", ".join(f"{k} {v:.4g}" for k, v in values.items()))
    return values

"""How to train: steps, optimiser, schedule, precision, and how often to save."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "step", "constant")
TRAINING_PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass
class LoopConfig:
    """How to train.  Raises ValueError for values that are not allowed."""

    out: Path
    steps: int
    minutes: float | None = None
    """The rate follows the clock, and training ends then, if not at `steps`: for a machine that
    is rented.  How far it comes is then the machine's say, and no two runs are the same."""
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
            ("precision", TRAINING_PRECISIONS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} {getattr(self, name)!r}: allowed are {', '.join(allowed)}"
                )
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, is {self.steps}")
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"minutes must be above 0, is {self.minutes}")

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """Return the learning rate of a step, `seconds` of training after the first."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "step":
            return self.learning_rate * self.gamma ** sum(step >= m for m in self.milestones)
        progress = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        if self.minutes is not None:
            progress = max(progress, seconds / (60 * self.minutes))
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.learning_rate * (self.final_factor + (1 - self.final_factor) * cosine)

    def is_over(self, seconds: float) -> bool:
        """Say whether the clock ends the training run now."""
        return self.minutes is not None and seconds >= 60 * self.minutes

"""What each term of a pose network's loss counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LossWeights:
    """What each term counts."""

    depth: float = 20.0
    """The paper's alpha."""
    initial: float = 0.25
    """Eq. 9 on the initial regression of a backbone that has one."""
    likelihood: float = 0.1
    certainty: float = 0.0
    """Eq. 9's errors are weighed by this power of one over their expected size (`certainties`)."""
    bones: float = 0.0
    """Bones of photographs' hands (`bone_loss.py`)."""
    maps: float = 0.0
    """Distance of the maps to a teacher's (`distillation.py`)."""
    consistency: float = 0.0
    """Distance of a hand's poses in two crops (`consistency.py`); 0: each crop is seen once."""
    presence: float = 1.0
    handedness: float = 1.0

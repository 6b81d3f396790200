"""How a network is made of another one, as recipes/detector.yaml says it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Teaching:
    """How a detector is made of another one."""

    teacher: str = ""
    """A detector's name or file; "": none."""
    maps: float = 10.0
    """Weight of the distance of the trunk's maps to the teacher's, in the first step."""
    maps_steps: int = 0
    """In which that weight falls to a tenth; 0: it stays."""
    answers: float = 0.5
    """Weight of the teacher's answers where no label says what is there."""
    fade_steps: int = 0
    """In which the slopes of a PReLU that is to become a ReLU fade to 0."""
    freeze: list[str] = field(default_factory=list)
    """Parameters of the trunk whose names begin with one of these are not trained."""

    def __post_init__(self) -> None:
        """Raise ValueError for numbers below 0."""
        for name in ("maps", "maps_steps", "answers", "fade_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be below 0, is {getattr(self, name)}")

    def weight_of_maps(self, step: int) -> float:
        """Return the maps' weight in a step."""
        fallen = min(step / self.maps_steps, 1.0) if self.maps_steps else 0.0
        return self.maps * (1 - 0.9 * fallen)

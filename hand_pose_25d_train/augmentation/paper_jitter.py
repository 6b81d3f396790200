"""The regions of the paper's augmentation: Iqbal et al., Section 5.

The hand's upright box is 70 % of the crop, which is turned, moved and scaled by amounts that are
uniform in their ranges.  The shipped network is trained with `regions.Jitter` instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_25d_train.augmentation.regions import Regions


@dataclass(frozen=True)
class PaperJitter:
    """Ranges of the augmentation.  Raises ValueError for what is no range."""

    hand_share: float = 0.7
    """Longer side of the keypoints' box over the crop's side, before the scaling."""
    rotation: tuple[float, float] = (0.0, 90.0)
    """Degrees by which the hand is turned in the crop."""
    translation: float = 20 / 128
    """Largest shift each way, in crop sides: 20 of 128 pixels."""
    scale: tuple[float, float] = (0.7, 1.1)
    """Factors of the hand's size in the crop."""
    wrong_handedness: float = 0.0
    """Share of samples shown as the other hand, so that handedness can be learned."""

    def __post_init__(self) -> None:
        for name in ("rotation", "scale"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"jitter.{name} must be [low, high], got [{low}, {high}]")
        if not 0 < self.hand_share <= 1 or self.scale[0] <= 0 or self.translation < 0:
            raise ValueError(
                "jitter: hand_share lies in (0, 1], scale above 0, translation from 0 on, "
                f"got {self}"
            )

    def place(self, uv: np.ndarray, rng: np.random.Generator) -> Regions:
        """Draw a region for each hand (B, 21, 2) px, NaN where unknown.

        Raises ValueError where no keypoint of a hand is known.
        """
        seen = np.isfinite(uv).all(-1)[..., None]
        if not seen.any(1).all():
            raise ValueError("no keypoint is known in the image")
        low, high = np.where(seen, uv, np.inf).min(1), np.where(seen, uv, -np.inf).max(1)
        count = len(uv)
        size = (high - low).max(-1) / self.hand_share / rng.uniform(*self.scale, count)
        shift = rng.uniform(-self.translation, self.translation, (count, 2)) * size[:, None]
        # A crop turned one way shows the hand turned the other.
        angle = -np.radians(rng.uniform(*self.rotation, count))
        return Regions((low + high) / 2 + shift, size, angle)

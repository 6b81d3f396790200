"""Shares: of pictures that are asked for, and of kinds that are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, kw_only=True)
class RenderShares:
    """How many of the pictures, 0 to 1, show what photographs have little of."""

    pairs: float = 0.0
    """Share of the hands that another one touches, of crops and scenes."""
    gloves: float = 0.0
    """Share of the hands in gloves of more kinds than a few have in any case, of crops and of the
    scenes' free hands."""
    far: float = 0.0
    """Share of the pictures that show people 2 to 6 m away; crops are enlarged from such."""
    motion_blur: float = 0.0
    """Share of the pictures in which hands or the camera move while the shutter is open."""
    utensils: float = 0.0
    """Share of the pictures whose hands use cutlery, a tool, a pen or a phone (of people, one)."""
    dim: float = 0.0
    """Share of the pictures that are taken in dim rooms: dark, with much noise in all colours."""

    def __post_init__(self) -> None:
        """Raise ValueError for shares that are none."""
        for name, share in self.shares().items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share, 0 to 1, got {share}")

    def shares(self) -> dict[str, float]:
        """Return the shares alone, by name."""
        return {f.name: getattr(self, f.name) for f in fields(RenderShares)}


def asked(share: float, seed: int, stream: int) -> bool:
    """Whether the picture of a seed is one of a share.

    Drawn apart (`stream` tells one share from another), so that the others are the same pictures.
    """
    return share > 0 and float(np.random.default_rng([seed, stream]).random()) < share


def draw_kind(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    """Return one of the kinds, each as often as its share of the sum says."""
    return str(rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))

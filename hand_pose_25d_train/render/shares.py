"""Draws from kinds by their shares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def draw_kind(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    """Return one of the kinds, each as often as its share of the sum says."""
    return str(rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))

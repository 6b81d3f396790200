"""Held-out people and places: which photographs of a folder are never trained on."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hand_pose_25d.io.yaml import read_yaml

RULES = Path(__file__).resolve().parent / "marks" / "held_out.yaml"
"""People and places by folder."""
RANGES = ((0.45, 0.5), (0.9, 0.95))
"""Of the photographs of other folders, in the order of the numbers in their names: a person's
photographs follow each other."""


def number_of(name: str) -> int:
    """Return the number in a photograph's name: the last one, 1118 of "0_IMG_1118.jpg"."""
    found = re.findall(r"\d+", Path(name).stem)
    return int(found[-1]) if found else 0


def held_out(folder: str, names: Sequence[str], file: Path = RULES) -> np.ndarray:
    """Tell which photographs of a folder, by its name, are held out: (N,) bool.

    Raises ValueError where the rule's file is damaged.
    """
    rules = read_yaml(file)
    if folder not in rules:
        return _ranges(names)
    try:
        patterns = [str(pattern) for pattern in rules[folder]["names"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{file}: {folder} needs a list of names ({error!r})") from error
    matches = [
        any(fnmatch.fnmatchcase(Path(name).name, pattern) for pattern in patterns)
        for name in names
    ]
    return np.array(matches, dtype=bool)


def _ranges(names: Sequence[str]) -> np.ndarray:
    order = sorted(range(len(names)), key=lambda i: (number_of(names[i]), names[i]))
    chosen = np.zeros(len(names), dtype=bool)
    for rank, index in enumerate(order):
        part = rank / max(len(names), 1)
        chosen[index] = any(low <= part < high for low, high in RANGES)
    return chosen

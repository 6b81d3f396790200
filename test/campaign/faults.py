"""What a fault of the campaign is; the tables are in *_faults.py and in docs/reliability.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LETTERS = {
    "A": "nothing of the user's is lost",
    "B": "one rule for all doors",
    "C": "times, rates, orientations",
    "D": "files and images of the world",
    "E": "exceptions and exit codes",
    "F": "settings",
    "G": "start and launch",
    "H": "CameraInfo",
    "I": "boxes, forks, damaged and hostile files",
}
"""The kinds."""


@dataclass(frozen=True)
class Fault:
    """One fault: what is done, and what must come of it."""

    letter: str
    name: str
    inject: Callable[..., Any]
    """Does it; what it takes and returns is its table's matter."""
    says: str
    """Pattern of what is said; empty where nothing needs to be."""
    expected: str
    """In words, for the page."""


def rows(door: str, faults: list[Fault]) -> list[str]:
    """Return the lines of the page's table."""
    return [f"| {f.letter} | {door} | {f.name} | {f.expected} |" for f in faults]

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
EXPECTED = {
    "A": "inputs are as they were, nothing is overwritten, what was done is kept",
    "B": "refused in one sentence, or the camera that the node takes it for",
    "C": "refused in one sentence, or the next good image is right",
    "D": "the bad file or image is named and costs itself only",
    "E": "said where it is answered; nobody sees a traceback; the node lives",
    "F": "refused with the reason, before anything starts or without a change",
    "G": "one sentence, and nothing stays behind",
    "H": "said once, with the value; refused or used by a rule that is documented",
    "I": "refused in one sentence, in bounded time and memory; the next good image is right",
}
"""What is expected of the faults of a kind, in short; each fault says it in its own words."""


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

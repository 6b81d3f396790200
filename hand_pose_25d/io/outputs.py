"""Names of what is written: never that of an input, of another output, or of what is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path


def unused(path: Path, taken: Callable[[Path], bool] = Path.exists) -> Path:
    """Return the path, or with a number behind its stem the first that is not taken."""
    candidate, n = path, 2
    while taken(candidate):
        candidate, n = path.with_name(f"{path.stem}_{n}{path.suffix}"), n + 1
    return candidate


def refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raise ValueError where an output is one of the inputs, by whatever name."""
    read = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in read:
            raise ValueError(f"{path} is an input and would be overwritten: choose another output")

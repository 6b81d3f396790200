"""Names of what is written: never that of an input, of another output, or of what is not ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from hand_pose_25d.io.json_lines import is_ours
from hand_pose_25d.io.tables import TABLES


def unused(path: Path, taken: Callable[[Path], bool] = Path.exists) -> Path:
    """Return the path, or with a number behind its stem the first that is not taken."""
    candidate, n = path, 2
    while taken(candidate):
        candidate, n = path.with_name(f"{path.stem}_{n}{path.suffix}"), n + 1
    return candidate


def unused_stem(folder: Path, stem: str, inputs: Iterable[Path], taken: Collection[str]) -> str:
    """Return a stem for results in a folder, this one or the first with a number behind it.

    Results are STEM.json, .jsonl, .mp4 and those of `TABLES`, and the folder STEM.  None of them
    is an input, nor something else that is there: results of an earlier run have a STEM.json or
    .jsonl of ours.

    Args:
        folder: where they are written.
        stem: the one that is wished for.
        inputs: all files that are read.
        taken: stems of this run.
    """
    read = {path.resolve() for path in inputs}
    folders = {path.parent for path in read}

    def is_taken(candidate: Path) -> bool:
        records = [candidate.with_name(candidate.name + s) for s in (".json", ".jsonl")]
        others = [candidate.with_name(candidate.name + s) for s in (".mp4", *TABLES.values())]
        paths = [*records, *others, candidate]
        if candidate.name in taken or read & {path.resolve() for path in paths}:
            return True
        if candidate.resolve() in folders:
            return True
        there = any(os.path.lexists(path) for path in paths)
        return there and not any(is_ours(path) for path in records)

    candidate, n = folder / stem, 2
    while is_taken(candidate):
        candidate, n = folder / f"{stem}_{n}", n + 1
    return candidate.name


def picture_names(names: Iterable[str]) -> dict[str, str]:
    """Return a PNG's name for each image's: its stem's, or where two share one, the whole name's.

    >>> picture_names(["a.jpg", "a.png", "b.jpg"])
    {'a.jpg': 'a.jpg.png', 'a.png': 'a.png.png', 'b.jpg': 'b.png'}
    """
    names = list(names)
    stems = [Path(name).stem for name in names]
    return {
        name: f"{name if stems.count(stem) > 1 else stem}.png"
        for name, stem in zip(names, stems, strict=True)
    }


def refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raise ValueError where an output is one of the inputs, by whatever name."""
    read = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in read:
            raise ValueError(f"{path} is an input and would be overwritten: choose another output")

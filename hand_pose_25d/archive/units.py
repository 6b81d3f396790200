"""Unit: one recording, the unit of work."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hand_pose_25d.archive.settings import content_digest

Kind = Literal["video", "images", "bag", "lerobot"]


@dataclass(frozen=True)
class Unit:
    """One recording, tracked from its start to its end.  Safe to send to another process."""

    kind: Kind
    path: Path
    """The file or folder, absolute."""
    name: str
    """Of its outputs, without suffix; no two units of a run have the same."""
    files: tuple[Path, ...]
    """What is read, the parts that decide what comes out."""
    images: int | None = None
    """How many there are, as far as that is known before reading."""
    episode: int | None = None
    """Of a LeRobot data set."""
    camera_key: str | None = None

    @property
    def title(self) -> str:
        """The recording, for people."""
        return str(self.path) + ("" if self.episode is None else f", episode {self.episode}")

    def digest(self) -> str:
        """Return SHA-256 (hex) of the content.  Raises OSError where it cannot be read."""
        names = ",".join(file.name for file in self.files) if self.kind == "images" else ""
        return content_digest(self.files, f"{self.kind} {self.episode} {self.camera_key} {names}")


def bag_unit(path: Path) -> Unit:
    """Return the unit of a bag: a rosbag2 folder, an MCAP file or another bag's file."""
    if not path.is_dir():
        return Unit("bag", path, path.stem, (path,))
    files = sorted(file for file in path.iterdir() if file.is_file())
    return Unit("bag", path, path.name, tuple(files))


def own_names(names: Sequence[str], titles: Iterable[str]) -> list[str]:
    """Return the names; those that are there twice with a part of their title's digest behind.

    >>> own_names(["a", "b", "a"], ["x/a", "x/b", "y/a"])
    ['a-5356176b', 'b', 'a-8187477f']
    """
    taken = Counter(names)
    return [
        name if taken[name] == 1 else f"{name}-{hashlib.sha256(title.encode()).hexdigest()[:8]}"
        for name, title in zip(names, titles, strict=True)
    ]

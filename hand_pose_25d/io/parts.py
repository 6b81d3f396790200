"""Part files: what is written has a hidden name until it is whole.

A process that is killed leaves its part files behind.  As long as it lives it holds a lock (flock)
on each, and the lock ends with the process, however that ends: a part without a lock is nobody's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"\.[0-9a-f]{32}\.part(\.\w+)?")


def part_path(folder: Path, suffix: str = "") -> Path:
    """Return a hidden path in a folder that nobody else takes; `suffix` comes after ".part"."""
    return folder / f".{uuid.uuid4().hex}.part{suffix}"


class PartFile:
    """A file that is being written and gets its name at the end."""

    def __init__(self, target: Path, suffix: str = "") -> None:
        """Make the part, an empty file; it is written to by its path.

        Args:
            target: the name it gets; the folder is made.
            suffix: of the part's name, for a writer that goes by it.

        Raises OSError where it cannot be made.
        """
        self.target, self._suffix = target, suffix
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._lock = self._make()

    def _make(self) -> tuple[Path, int]:
        """Return a new part and the descriptor that holds its lock."""
        while True:
            path = part_path(self.target.parent, self._suffix)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            with contextlib.suppress(OSError):  # of a file system that knows no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                return path, lock
            os.close(lock)  # it was taken for nobody's before the lock was there

    def finish(self, sync: bool = True) -> None:
        """Give the file its name; with `sync`, when its bytes are on the disk.  Raises OSError."""
        if sync:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
        self.path.replace(self.target)
        self.discard()

    def discard(self) -> None:
        """Remove what is not finished."""
        self.path.unlink(missing_ok=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


@contextlib.contextmanager
def whole_or_nothing(path: Path, sync: bool = True) -> Iterator[Path]:
    """Yield a path to write to, which gets the right name when all went well, else goes.

    `sync`: see `PartFile.finish`.  Raises OSError.
    """
    part = PartFile(path)
    try:
        yield part.path
        part.finish(sync)
    finally:
        part.discard()


@contextlib.contextmanager
def scratch_file(folder: Path) -> Iterator[Path]:
    """Yield an empty file in a folder, which goes in the end.  Raises OSError."""
    part = PartFile(folder / "scratch")
    try:
        yield part.path
    finally:
        part.discard()


def remove_abandoned_parts(folder: Path, folders: bool = False) -> None:
    """Remove the parts in a folder whose processes have ended.

    Args:
        folder: need not be there.
        folders: whether parts that are folders, which have no lock, go as well.
    """
    try:
        parts = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for part in parts:
        if part.is_dir():
            if folders:
                shutil.rmtree(part, ignore_errors=True)
            continue
        with contextlib.suppress(OSError), part.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()

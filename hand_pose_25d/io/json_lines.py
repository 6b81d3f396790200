"""Records written as they come: an interrupt, a full disk or a crash keeps what was done.

While it is worked on, `NAME.jsonl` has one line a record, after a first line that says what they
are of.  When all are there, `NAME.json` takes its place: {..., "images": [records]}.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from hand_pose_25d.io.bounded import parse_json
from hand_pose_25d.io.parts import whole_or_nothing

Records = list[dict[str, Any]]
_BEGINNING = '{"source":'


class RecordWriter:
    """Writes NAME.jsonl, and NAME.json at the end."""

    def __init__(
        self,
        path: Path,
        heading: dict[str, Any],
        settings: dict[str, str],
        resume: bool = False,
        finish: Callable[[Records], Records] | None = None,
    ) -> None:
        """Begin; or, with `resume`, go on where a run with the same heading and settings ended.

        Args:
            path: NAME.json; the folder is made.
            heading: its other keys; the first is "source".
            settings: what else must be the same for the records to be.
            resume: see above.
            finish: makes the records of NAME.json of those of the lines; None: they are the same.

        Raises OSError where it cannot be written.
        """
        self.path, self.lines = path, path.with_suffix(".jsonl")
        self._heading, self._finish = heading, finish
        first = {**heading, "settings": settings}
        self.records = _read_lines(self.lines, first) if resume else []
        """What an earlier run left, and what was written since; those of NAME.json at the end."""
        with whole_or_nothing(self.lines) as part, part.open("w", encoding="utf-8") as file:
            for record in (first, *self.records):
                _write_line(file, record)
        self._file = self.lines.open("a", encoding="utf-8")

    @property
    def done(self) -> set[str]:
        """Names of the images that have a record."""
        return {record["name"] for record in self.records}

    def write(self, record: dict[str, Any]) -> None:
        """Add a record; it is in the file when this returns.  Raises OSError."""
        try:
            _write_line(self._file, record)
        except OSError as error:
            raise self._kept(error) from error
        self.records.append(record)

    def close(self, complete: bool) -> None:
        """Write NAME.json; the lines stay where not `complete`, for another run to go on with.

        Raises OSError; the lines stay then, too.
        """
        with contextlib.suppress(OSError):  # what a full disk has not taken, it does not take now
            self._file.close()
        if self._finish is not None:
            self.records = self._finish(self.records)
        whole = {**self._heading, "images": self.records}
        try:
            with whole_or_nothing(self.path) as part:
                part.write_text(_compact(whole) + "\n", encoding="utf-8")
        except OSError as error:
            raise self._kept(error) from error
        if complete:
            self.lines.unlink(missing_ok=True)

    def _kept(self, error: OSError) -> OSError:
        """Return the error with what its user wants to know."""
        text = f"{error.strerror}; what was done is kept in it"
        return OSError(error.errno, text, str(self.lines))


def is_ours(path: Path) -> bool:
    """Whether a file (.json or .jsonl) begins as those of RecordWriter."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(len(_BEGINNING) + 1).replace(" ", "").startswith(_BEGINNING)
    except OSError:
        return False


def _read_lines(path: Path, first: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of a file that begins with this line; the last may be broken off."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines or parse_json(lines[0], path) != json.loads(_compact(first)):
            return []
    except (OSError, ValueError):
        return []
    records: list[dict[str, Any]] = []
    for line in lines[1:]:
        try:
            records.append(parse_json(line, path))
        except ValueError:
            break
    return records


def _write_line(file: TextIO, record: dict[str, Any]) -> None:
    file.write(_compact(record) + "\n")
    file.flush()


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)

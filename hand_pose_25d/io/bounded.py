"""Files of settings and descriptions, read so that none of them takes much time or memory.

Few bytes can ask for much: a device without an end, brackets in brackets by the thousand, names
that stand for lists of names.  What is refused here is refused before it is made.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

MOST_BYTES = 2**18
"""A file of settings is not larger."""
MOST_DEPTH = 32
"""Lists and mappings in one another."""


def read_bytes(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """Return a file's content.

    Raises OSError where it cannot be read, ValueError for a pipe, a device, or more than `most`
    bytes.
    """
    path = Path(path)
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(f"{path} is a pipe or a device; write its content to a file first")
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{path} has more than {most} bytes, which is no such file")
    return data


def parse_json(text: str | bytes, title: object) -> Any:
    """Return the value of a JSON text; ValueError that begins with `title` where it is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(f"{title} is no JSON that can be read: it is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{title} is no JSON: {error}") from error


def load_json(path: str | Path, most: int = MOST_BYTES) -> Any:
    """Return the value of a JSON file.

    Raises OSError, or ValueError that names the file, for one that is none or has more than `most`
    bytes.
    """
    return parse_json(read_bytes(path, most), path)

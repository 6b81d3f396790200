"""YAML files of keys and values: hand sizes, cameras, training configurations, marked hands.

What a file says is counted before it is made: `*name` stands for all that `&name` holds, so that
300 bytes can mean billions of values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from hand_pose_25d.io.bounded import MOST_BYTES, MOST_DEPTH, read_bytes

MOST_VALUES = 50_000
"""Of a file, each alias counted as all that it stands for."""
LETTERS = 100
"""Of a value that count as one more."""
LONGEST_VALUE = 10_000
"""Characters: numbers of more take long to be read."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: str | Path, most: int = MOST_BYTES) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Raises OSError, or ValueError that names the file, for one that is none, has more than `most`
    bytes, or says too much in them.
    """
    data = read_bytes(path, most)
    try:
        text = data.decode("utf-8")
        _check(yaml.parse(text, Loader=_Loader))
        content = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path}: not a YAML file: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected keys and values, got {type(content).__name__}")
    return content


def write_yaml(path: str | Path, data: Mapping[str, Any]) -> None:
    """Write keys and values to a YAML file, lists of numbers one to a line; folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(dict(data), sort_keys=False, default_flow_style=None, width=99)
    path.write_text(text, encoding="utf-8")


def _check(events: Iterable[Any]) -> None:
    """Raise ValueError where a document is too deep, holds too much, or contains itself."""
    sizes: dict[str, int] = {}  # of what has an anchor
    opened: list[tuple[str | None, int]] = []  # anchor and values so far, from the outermost in
    for event in events:
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            opened.append((event.anchor, 1))
            if len(opened) > MOST_DEPTH:
                raise ValueError(f"more than {MOST_DEPTH} lists and mappings in one another")
            sizes.pop(event.anchor or "", None)
            continue
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"*{event.anchor} stands for nothing, or for what it is part of")
            anchor, size = None, sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            if len(event.value) > LONGEST_VALUE:
                raise ValueError(f"a value of more than {LONGEST_VALUE} characters")
            anchor, size = event.anchor, 1 + len(event.value) // LETTERS
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            anchor, size = opened.pop()
        else:
            continue
        if anchor is not None:
            sizes[anchor] = size
        if opened:
            outer, sum_of_outer = opened[-1]
            opened[-1] = (outer, sum_of_outer + size)
            size += sum_of_outer
        if size > MOST_VALUES:
            raise ValueError(
                f"more than {MOST_VALUES} values, those that *names stand for counted"
            )

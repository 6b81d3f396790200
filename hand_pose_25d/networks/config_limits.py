"""How large a network's configuration may make it: a file of 300 bytes can ask for terabytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

CONFIG_LIMITS = {"input_size": (8, 2048), "stages": (1, 16)}
"""Least and most, of the keys that count: sides, passes."""
CONFIG_SIZES = (32, 8192)
"""Pixels of a detector's input."""
LARGEST_NUMBER = 2**14
"""Of every other number: a width, a stride."""
LONGEST_ENTRY = 64
"""Entries of a list, keys of a configuration, characters of a word."""


def check_config(config: Mapping[str, Any]) -> None:
    """Raise ValueError that names the key whose value makes a network too large, or none."""
    if len(config) > LONGEST_ENTRY:
        raise ValueError(
            f"a network configuration of {len(config)} keys; allowed are {LONGEST_ENTRY}"
        )
    for key, value in config.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        low, high = (
            CONFIG_SIZES
            if key == "sizes"
            else CONFIG_LIMITS.get(key, (-LARGEST_NUMBER, LARGEST_NUMBER))
        )
        if len(values) > LONGEST_ENTRY:
            raise ValueError(f"{key} has {len(values)} values; allowed are {LONGEST_ENTRY}")
        for item in values:
            if isinstance(item, (dict, list)):
                raise ValueError(f"{key} holds lists or mappings in one another")
            if isinstance(item, str) and len(item) > LONGEST_ENTRY:
                raise ValueError(
                    f"{key} is {item[:20]!r}..., of more than {LONGEST_ENTRY} characters"
                )
            if isinstance(item, (int, float)) and not low <= item <= high:  # NaN too
                raise ValueError(f"{key} lies between {low} and {high}, got {item}")
            if key in (*CONFIG_LIMITS, "sizes") and (
                isinstance(item, bool) or not _is_whole(item)
            ):
                raise ValueError(f"{key} must be a whole number, got {item!r}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and value == int(value)

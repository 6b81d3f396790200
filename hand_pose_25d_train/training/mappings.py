"""Dataclasses out of YAML files: unknown keys and values of another type are named."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints


def from_mapping(kind: type[Any], values: Any, where: str) -> Any:
    """Make a dataclass, and those within it, of keys and values; `where` begins its errors.

    Raises ValueError for what is no mapping, for unknown and missing keys and for values that are
    not of the field's type, and what the dataclass itself raises.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: needs keys and values, is {values!r}")
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind) if f.init}
    if unknown := sorted(str(key) for key in set(values) - known):
        raise ValueError(
            f"{where}: unknown {', '.join(unknown)}; allowed are {', '.join(sorted(known))}"
        )
    made = {key: _value(hints[key], value, f"{where}.{key}") for key, value in values.items()}
    try:
        return kind(**made)
    except TypeError as error:
        missing = str(error).partition("missing ")[2] or str(error)
        raise ValueError(f"{where}: missing {missing}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    """Return the value, mappings turned into the dataclasses that the type asks for."""
    if is_dataclass(hint) and not isinstance(value, hint):  # type: ignore[arg-type]
        return from_mapping(hint, value, where)  # type: ignore[arg-type]
    inner = get_args(hint)
    if get_origin(hint) is list and isinstance(value, list) and is_dataclass(inner[0]):
        rows = enumerate(value)
        return [from_mapping(inner[0], row, f"{where}[{i}]") for i, row in rows]  # type: ignore
    if get_origin(hint) is dict and isinstance(value, dict) and is_dataclass(inner[1]):
        return {k: from_mapping(inner[1], v, f"{where}.{k}") for k, v in value.items()}  # type: ignore
    if not _fits(hint, value):
        name = hint.__name__ if isinstance(hint, type) and not inner else str(hint)
        raise ValueError(f"{where}: must be {name}, is {value!r}")
    return value


def _fits(hint: Any, value: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(option, value) for option in inner)
    if origin in (list, tuple):
        return isinstance(value, (list, tuple)) and all(_fits(inner[0], item) for item in value)
    if origin is not None:
        return isinstance(value, origin)
    if hint is Any:
        return True
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)

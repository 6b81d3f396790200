"""YAML files of keys and values: hand sizes, cameras, training configurations, marked hands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of keys and values; ValueError names the file that is not one."""
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a YAML file: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected keys and values, got {type(data).__name__}")
    return data


def write_yaml(path: str | Path, data: Mapping[str, Any]) -> None:
    """Write keys and values to a YAML file, lists of numbers one to a line; folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(dict(data), sort_keys=False, default_flow_style=None, width=99)
    path.write_text(text, encoding="utf-8")

"""Parameters of the small nodes, read with the node hand_pose's rules: types are checked here, so
that 1 is good where 1.0 is meant, and what is wrong ends in one sentence."""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor

from hand_pose_25d.io.sources import expand


def text_parameter(node: Any, name: str, default: str, meaning: str) -> str:
    """Declare a parameter of text and return it; ValueError where it is something else."""
    value = _declare(node, name, default, meaning)
    if not isinstance(value, str):
        raise ValueError(f"parameter {name} must be text, got {value!r} (quote it: \"'{value}'\")")
    return value


def name_or_number_parameter(node: Any, name: str, default: str, meaning: str) -> str:
    """Declare a parameter of a name that may be of digits alone, and return it as text."""
    value = _declare(node, name, default, meaning)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"parameter {name} must be text or a whole number, got {value!r}")
    return str(value)


def path_parameter(node: Any, name: str, default: str, meaning: str) -> Path | None:
    """Declare a parameter of a path, `~` in it the user's home; None where it is empty."""
    value = name_or_number_parameter(node, name, default, meaning)
    return expand(value) if value else None


def switch_parameter(node: Any, name: str, default: bool, meaning: str) -> bool:
    """Declare a parameter that is true or false, and return it."""
    value = _declare(node, name, default, meaning)
    if not isinstance(value, bool):
        raise ValueError(f"parameter {name} must be true or false, got {value!r}")
    return value


def whole_parameter(
    node: Any, name: str, default: int, meaning: str, least: int, most: int
) -> int:
    """Declare a parameter that is a whole number, and return it."""
    value = _declare(node, name, default, meaning)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(
            f"parameter {name} must be a whole number from {least} to {most}, got {value!r}"
        )
    return value


def number_parameter(
    node: Any, name: str, default: float, meaning: str, least: float, most: float
) -> float:
    """Declare a parameter that is a number, and return it."""
    value = _declare(node, name, default, meaning)
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (fits and math.isfinite(value) and least <= value <= most):
        raise ValueError(
            f"parameter {name} must be a number from {least:g} to {most:g}, got {value!r}"
        )
    return float(value)


def is_given(node: Any, name: str) -> bool:
    """Tell whether a parameter was given to a node when it was started."""
    return name in getattr(node, "_parameter_overrides", {})


def without_meaning(node: Any) -> list[str]:
    """Return a sentence for each parameter that was given to a node and that it does not have.

    Call it when all are declared.
    """
    given = getattr(node, "_parameter_overrides", {})
    declared = list(getattr(node, "_parameters", {}))
    sentences = []
    for name in given:
        if name in declared or name.startswith("qos_overrides."):
            continue
        near = difflib.get_close_matches(name, declared, 1)
        advice = f"; did you mean {near[0]}?" if near else ""
        sentences.append(f"there is no parameter {name}: it has no effect{advice}")
    return sentences


def _declare(node: Any, name: str, default: Any, meaning: str) -> Any:
    descriptor = ParameterDescriptor(name=name, description=meaning, dynamic_typing=True)
    return node.declare_parameter(name, default, descriptor).value

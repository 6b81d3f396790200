"""Option: what settings declare of each of their fields, and how a value is checked by it."""

from __future__ import annotations

import math
import numbers
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hand_pose_25d.io.sources import expand

_LARGEST = 1e300
_IN_WORDS = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}


@dataclass(frozen=True)
class Option:
    """What an option is, besides its name and default."""

    kind: type
    """bool, int, float, str or Path; object: only Python programs can give it."""
    help: str
    unset: str = ""
    """What None stands for, in words; empty where None is not allowed."""
    also: tuple[type, ...] = ()
    """Types that Python programs can give instead of `kind`."""
    least: float = -math.inf
    most: float = math.inf
    exclusive: bool = False
    """Whether `least` and `most` themselves are refused."""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """What a string must match; the help's last part says it in words."""
    runtime: bool = False
    """Whether it can change between two images."""
    group: str = "hands"
    """Of the command line's help."""
    node_range: tuple[float, float] | None = None
    """Of the node's parameter, where it is narrower."""
    node_default: Any = None
    """Of the node's parameter, where it is another."""

    def check(self, name: str, value: Any) -> Any:
        """Return the value, numbers as int or float, `~` in a path as the user's home.

        Raises ValueError or TypeError that names the value and what is allowed.
        """
        if (value is None and self.unset) or self.kind is object or isinstance(value, self.also):
            return value
        if self.kind in (int, float):
            return self._number(name, value)
        if self.choices and value not in self.choices:
            raise ValueError(f"{name} must be one of {', '.join(self.choices)}, got {value!r}")
        if self.pattern and not (isinstance(value, str) and re.fullmatch(self.pattern, value)):
            raise ValueError(f"{name} must be {self.help.split(': ')[-1]}, got {value!r}")
        if not isinstance(value, (str, Path) if self.kind is Path else self.kind):
            words = " or ".join([_IN_WORDS[self.kind], *(t.__name__ for t in self.also)])
            raise TypeError(f"{name} must be {words}, got {type(value).__name__} {value!r}")
        if self.kind is Path and str(value).startswith("~"):
            path = expand(str(value))
            return path if isinstance(value, Path) else str(path)
        return value

    def _number(self, name: str, value: Any) -> int | float:
        low, high = self.least, self.most
        good = isinstance(value, numbers.Real) and not isinstance(value, bool)
        good = good and abs(value) < _LARGEST and (self.kind is float or value == int(value))
        good = good and (low < value < high if self.exclusive else low <= value <= high)
        if not good:
            raise ValueError(f"{name} must be {_IN_WORDS[self.kind]} {self._range}, got {value!r}")
        number: int | float = self.kind(value)
        return number

    @property
    def _range(self) -> str:
        if math.isfinite(self.most):
            return f"between {self.least:g} and {self.most:g}"
        return f"above {self.least:g}" if self.exclusive else f"from {self.least:g} on"


def option(kind: type, default: Any, text: str, **more: Any) -> Any:
    """Declare a field of settings; `more`: the other fields of `Option`."""
    return field(default=default, metadata={"option": Option(kind, text, **more)})

"""Reads a pickle of numbers without trusting it.

Unpickling runs whatever the file names, so annotations that are published as pickles (RHP) are a
way into the machine.  This reader knows plain containers and numeric NumPy arrays and refuses
every other name.  It does not even hand NumPy's own constructors to the file: arrays and dtypes
are first built as inert stand-ins, checked, and turned into arrays afterwards.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

_NUMERIC = "biufc"


class UnsafePickleError(ValueError):
    """A pickle asked for something that is not a number, an array of numbers or a container."""


class _DType:
    """What `numpy.dtype(name, align, copy)` leaves in a pickle."""

    def __init__(self, name: object, *_: object) -> None:
        try:
            self.dtype = np.dtype(name) if isinstance(name, str) else None
        except TypeError:
            self.dtype = None
        if self.dtype is None or self.dtype.kind not in _NUMERIC:
            raise UnsafePickleError(f"arrays of {name!r} are not allowed, only numbers")

    def __setstate__(self, state: tuple) -> None:
        # (version, byte order, subarray, names, fields, ...)
        if len(state) < 5 or any(part is not None for part in state[2:5]):
            raise UnsafePickleError("structured arrays are not allowed, only numbers")
        assert self.dtype is not None
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """What `numpy.core.multiarray._reconstruct` leaves in a pickle, until `resolve`."""

    def __init__(self, *_: object) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        # (version, shape, dtype, is Fortran order, the numbers' bytes)
        _, shape, dtype, fortran, raw = state if len(state) == 5 else (None, *state)
        if not isinstance(dtype, _DType) or not isinstance(raw, (bytes, str)):
            raise UnsafePickleError("an array of objects is not allowed, only of numbers")
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        flat = np.frombuffer(raw, dtype=dtype.dtype)
        self.array = flat.reshape(shape, order="F" if fortran else "C").copy()


def _frombuffer(raw: bytes, dtype: _DType, shape: tuple, order: str) -> _Array:
    """Stand for `numpy.core.numeric._frombuffer`, by which protocol 5 writes arrays."""
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", bytes(raw)))
    return array


def _scalar(dtype: _DType, raw: bytes | str) -> Any:
    """Stand for `numpy.core.multiarray.scalar`."""
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    return np.frombuffer(raw, dtype=dtype.dtype)[0]


def _encode(text: str, encoding: str) -> bytes:
    """Stand for `_codecs.encode`, by which protocol 2 of Python 3 writes bytes."""
    return text.encode("latin1" if encoding == "latin1" else "ascii")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _Array,
    ("_codecs", "encode"): _encode,
}
for _core in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = _Array
    _ALLOWED[f"{_core}.multiarray", "scalar"] = _scalar
    _ALLOWED[f"{_core}.numeric", "_frombuffer"] = _frombuffer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise UnsafePickleError(f"the pickle asks for {module}.{name}, which is not allowed")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickleError("the pickle refers to objects outside of it")


def load_pickle(path: Path) -> Any:
    """Return the content of a pickle: dicts, lists, tuples, strings, numbers and numeric arrays.

    Raises FileNotFoundError where there is no file, UnsafePickleError where it names anything
    else, and ValueError where it is truncated or damaged; each names the path.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with path.open("rb") as file:
            content = _Unpickler(file, encoding="latin1").load()
        return _resolve(content)
    except UnsafePickleError as error:
        raise UnsafePickleError(f"{path}: {error}") from error
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # damaged opcodes surface as nearly any exception
        raise ValueError(f"{path} is truncated or damaged: {error or 'unexpected end'}") from error


def _resolve(value: Any) -> Any:
    """Replace the stand-ins in nested containers by what they stand for."""
    if isinstance(value, _Array):
        if value.array is None:
            raise ValueError("an array without content")
        return value.array
    if isinstance(value, _DType):
        return value.dtype
    if isinstance(value, dict):
        return {key: _resolve(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_resolve(item) for item in value)
    return value

"""Reads a pickle of numbers without trusting it.

Unpickling runs whatever the file names, so annotations that are published as pickles (RHP) are a
way into the machine.  This reader knows plain containers and numeric NumPy arrays and refuses
every other name.  It does not even hand NumPy's own constructors to the file: arrays and dtypes
are first built as inert stand-ins, checked, and turned into arrays afterwards.  Time and memory
are bounded: by the opcodes (pickle_opcodes.py), by the bytes that arrays are made of, and by the
values that a container holds when those it shares are counted each time.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.io.bounded import MOST_DEPTH, read_bytes
from hand_pose_25d_train.datasets.pickle_opcodes import check_opcodes

_NUMERIC = "biufc"
_LONGEST_DTYPE = 16  # characters
PICKLE_BYTES = 2**29
"""Of a pickle; RHP's larger one has 60 MB."""
_MOST_VALUES = 10**7
"""In a pickle; RHP's larger one has half a million."""


class UnsafePickleError(ValueError):
    """A pickle asked for something that is not a number, an array of numbers or a container."""


class _DType:
    """What `numpy.dtype(name, align, copy)` leaves in a pickle."""

    def __init__(self, name: object, *_: object) -> None:
        try:
            self.dtype: np.dtype | None = None
            if isinstance(name, str) and len(name) <= _LONGEST_DTYPE:
                self.dtype = np.dtype(name)
        except TypeError:
            self.dtype = None
        if self.dtype is None or self.dtype.kind not in _NUMERIC:
            raise UnsafePickleError(f"arrays of {str(name)[:40]!r} are not allowed, only numbers")

    def __setstate__(self, state: tuple) -> None:
        # (version, byte order, subarray, names, fields, ...)
        if len(state) < 5 or any(part is not None for part in state[2:5]):
            raise UnsafePickleError("structured arrays are not allowed, only numbers")
        assert self.dtype is not None
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """What `numpy.core.multiarray._reconstruct` leaves in a pickle, until `resolve`."""

    def __init__(self, budget: _Budget, *_: object) -> None:
        self._budget = budget
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        # (version, shape, dtype, is Fortran order, the numbers' bytes)
        _, shape, dtype, fortran, raw = state if len(state) == 5 else (None, *state)
        if not isinstance(dtype, _DType) or not isinstance(raw, (bytes, str)):
            raise UnsafePickleError("an array of objects is not allowed, only of numbers")
        self._budget.spend(len(raw))
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        flat = np.frombuffer(raw, dtype=dtype.dtype)
        self.array = flat.reshape(shape, order="F" if fortran else "C").copy()


class _Budget:
    """How many bytes the stand-ins may still make: those of a file, not the same ones again."""

    def __init__(self, most: int) -> None:
        self._left = most

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise UnsafePickleError("the pickle makes much more of its bytes than there are")

    def frombuffer(self, raw: bytes, dtype: _DType, shape: tuple, order: str) -> _Array:
        """Stand for `numpy.core.numeric._frombuffer`, by which protocol 5 writes arrays."""
        array = _Array(self)
        array.__setstate__((1, shape, dtype, order == "F", bytes(raw)))
        return array

    def scalar(self, dtype: _DType, raw: bytes | str) -> Any:
        """Stand for `numpy.core.multiarray.scalar`."""
        self.spend(len(raw))
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        return np.frombuffer(raw, dtype=dtype.dtype)[0]

    def encode(self, text: str, encoding: str) -> bytes:
        """Stand for `_codecs.encode`, by which protocol 2 of Python 3 writes bytes."""
        self.spend(len(text))
        return text.encode("latin1" if encoding == "latin1" else "ascii")

    def array(self, *_: object) -> _Array:
        """Stand for `numpy.core.multiarray._reconstruct`."""
        return _Array(self)

    def allowed(self) -> dict[tuple[str, str], Any]:
        """Return what a pickle may name, and what it gets for it."""
        names: dict[tuple[str, str], Any] = {
            ("numpy", "dtype"): _DType,
            ("numpy", "ndarray"): None,  # an argument of _reconstruct
            ("_codecs", "encode"): self.encode,
        }
        for core in ("numpy.core", "numpy._core"):
            names[f"{core}.multiarray", "_reconstruct"] = self.array
            names[f"{core}.multiarray", "scalar"] = self.scalar
            names[f"{core}.numeric", "_frombuffer"] = self.frombuffer
        return names


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._allowed = _Budget(2 * len(data) + 1024).allowed()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise UnsafePickleError(f"the pickle asks for {module}.{name}, which is not allowed")
        return self._allowed[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickleError("the pickle refers to objects outside of it")


def load_pickle(path: Path, most: int = PICKLE_BYTES) -> Any:
    """Return the content of a pickle: dicts, lists, tuples, strings, numbers and numeric arrays.

    Raises FileNotFoundError where there is no file, UnsafePickleError where it names anything
    else or makes more of its bytes than there are, and ValueError where it is truncated or
    damaged or has more than `most` bytes; each names the path.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    data = read_bytes(path, most)
    try:
        check_opcodes(data)
        return _Resolver().resolve(_Unpickler(data).load())
    except UnsafePickleError as error:
        raise UnsafePickleError(f"{path}: {error}") from error
    except Exception as error:  # damaged opcodes surface as nearly any exception
        raise ValueError(f"{path} is truncated or damaged: {error or 'unexpected end'}") from error


class _Resolver:
    """Replaces the stand-ins in nested containers by what they stand for."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Any, int]] = {}  # by id: the value, its copy, its size

    def resolve(self, value: Any) -> Any:
        """Return the value.  Raises UnsafePickleError where it is deep, large or in itself."""
        return self._resolve(value, 0)[0]

    def _resolve(self, value: Any, depth: int) -> tuple[Any, int]:
        """Return the value, and how many values it holds, those held twice counted twice."""
        if isinstance(value, _Array):
            if value.array is None:
                raise ValueError("an array without content")
            return value.array, 1
        if isinstance(value, _DType):
            return value.dtype, 1
        if callable(value):
            raise UnsafePickleError("functions are not allowed, only numbers")
        if not isinstance(value, (dict, list, tuple)):
            return value, 1
        if depth == MOST_DEPTH:
            raise UnsafePickleError(f"containers of more than {MOST_DEPTH} levels")
        if id(value) not in self._made:
            copy, size = self._copied(value, depth)
            self._made[id(value)] = (value, copy, size)
        _, copy, size = self._made[id(value)]
        return copy, size

    def _copied(self, value: Any, depth: int) -> tuple[Any, int]:
        items = value.values() if isinstance(value, dict) else value
        made, total = [], 1
        for item in items:
            copy, size = self._resolve(item, depth + 1)
            made.append(copy)
            total += size
            if total > _MOST_VALUES:
                raise UnsafePickleError(f"more than {_MOST_VALUES} values")
        if isinstance(value, dict):
            return dict(zip(value, made, strict=True)), total
        return type(value)(made), total

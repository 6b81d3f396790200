"""NumPy's archives (.npz), read so that none unfolds to more than it may.

An array's header is compared with the size of its data before memory is made for it, and objects,
which would be pickles, are refused.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import numpy as np

ARCHIVE_BYTES = 2**30
"""Of all arrays together; a shard of 500 images of 640 x 480 has some 60 MB."""
_LONGEST_HEADER = 2**12


def load_arrays(
    path: Path, names: Collection[str] | None = None, most: int = ARCHIVE_BYTES
) -> dict[str, np.ndarray]:
    """Return the arrays of a .npz file by name; `names`: these alone, where they are there.

    Raises OSError, or ValueError that names the file, where it is none, is damaged, or unfolds to
    more than `most` bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if total > most:
                raise ValueError(f"unfolds to {total} bytes, more than {most}")
            return {
                name: _array(archive.read(entry), name)
                for entry in entries
                if (name := entry.filename.removesuffix(".npy")) in (names or (name,))
            }
    except OSError:
        raise
    except Exception as error:  # of damaged files come many kinds: zlib's, tokenize's, NumPy's
        raise ValueError(f"{path} is no archive of arrays that can be read: {error}") from error


def _array(data: bytes, name: str) -> np.ndarray:
    """Return the array of a .npy file's content."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    readers: dict[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"{name} has version {version} of NumPy's format; read are 1.0 and 2.0")
    shape, fortran, dtype = readers[version](file, max_header_size=_LONGEST_HEADER)
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects, not numbers")
    left = len(data) - file.tell()
    if math.prod(shape) * dtype.itemsize != left:
        raise ValueError(f"{name} has {left} bytes, which is no array of {dtype} of {shape}")
    order: Literal["F", "C"] = "F" if fortran else "C"
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order=order).copy(order)

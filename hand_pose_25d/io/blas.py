"""numpy's BLAS on one thread: its matrices here are small, and threads that wait cost more.

Beside busy processes its threads wait for each other at every product of a 63 x 63 matrix.
"""

from __future__ import annotations

import os

_VARIABLE = "OPENBLAS_NUM_THREADS"
"""Of OpenBLAS, which numpy's wheels and Ubuntu's python3-numpy use; read when it is loaded."""


def one_blas_thread() -> None:
    """Ask for one thread, where the user has not said how many; before numpy is imported.

    For a process of our own: a program that uses the library decides for itself.
    """
    os.environ.setdefault(_VARIABLE, "1")

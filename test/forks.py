"""What comes of something in a fork of the process that runs the tests."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_a_fork(use: Callable[[], object]) -> str:
    """Return "worked", or the error's type and text, from the child.

    The answer comes through a pipe: the child has none of the parent's threads.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            use()
            os.write(writer, b"worked")
        except BaseException as error:
            os.write(writer, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer

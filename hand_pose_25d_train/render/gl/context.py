"""Opens OpenGL without a screen, over EGL."""

from __future__ import annotations

import os
from typing import Any

EGL_HELP = (
    "the renderer needs OpenGL over EGL, and no EGL driver could be opened ({error}). On Debian "
    "and Ubuntu: apt install libegl1 libgl1-mesa-dri libegl-mesa0"
)


def open_context() -> tuple[Any, Any]:
    """Return the module moderngl and a context of it; RuntimeError where there is no driver."""
    # No thread beside this one: handing over costs more than a thread of llvmpipe's gains.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    import moderngl

    try:
        create: Any = moderngl.create_standalone_context
        return moderngl, create(backend="egl")
    except Exception as error:
        raise RuntimeError(EGL_HELP.format(error=str(error) or type(error).__name__)) from error

"""The files of the shipped networks, and which of them a name means; knows nothing of torch.

A network is shipped twice: its weights as safetensors, for torch, and the same network as an ONNX
graph, for the other backends.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / "weights"


def shipped_weights() -> list[str]:
    """Return the names of the networks that the package carries."""
    return sorted(path.stem for path in WEIGHTS_FOLDER.glob("*.safetensors"))


def weights_path(name_or_path: str | Path, suffix: str = ".safetensors") -> Path:
    """Return the file of a shipped network's name with that suffix, or the path itself.

    Raises FileNotFoundError that names the shipped ones.
    """
    path = Path(name_or_path)
    shipped = WEIGHTS_FOLDER / f"{name_or_path}{suffix}"
    if path.is_file():
        return path
    if path.name == str(name_or_path) and shipped.is_file():
        return shipped
    raise FileNotFoundError(
        f"weights {str(name_or_path)!r}: no such file; shipped are {', '.join(shipped_weights())}"
    )


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

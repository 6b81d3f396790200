"""The files of the shipped networks, and which of them a name means; knows nothing of torch.

A network is shipped twice: its weights as safetensors, for torch, and the same network as an ONNX
graph, for the other backends.
"""

from __future__ import annotations

import hashlib
import re
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


SEAL = "file_sha256"
"""Key, in a file's metadata, of the digest of the whole file with zeros for this digest."""
UNSEALED = "0" * 64
_SEALED = re.compile(SEAL.encode() + rb"[^0-9a-f]{1,16}([0-9a-f]{64})")


def sealed(data: bytes) -> bytes:
    """Return a file's content, written with UNSEALED under SEAL, with its digest there."""
    return data.replace(UNSEALED.encode(), hashlib.sha256(data).hexdigest().encode(), 1)


def seal_openvino(path: Path) -> None:
    """Give an OpenVINO graph, made of a sealed ONNX graph, a digest of its own: .xml and .bin."""
    written = path.read_bytes()
    found = _SEALED.search(written)
    assert found is not None
    plain = written.replace(found[1], UNSEALED.encode())
    whole = hashlib.sha256(plain + path.with_suffix(".bin").read_bytes()).hexdigest()
    path.write_bytes(plain.replace(UNSEALED.encode(), whole.encode(), 1))


def check_seal(path: Path, required: bool = False) -> None:
    """Raise ValueError where a file is not as it was written; one without a seal passes.

    `required`: one without does not pass either.  An OpenVINO graph's .bin belongs to its .xml.
    """
    data = path.read_bytes()
    found = _SEALED.search(data)
    if path.suffix == ".xml" and path.with_suffix(".bin").is_file():
        data += path.with_suffix(".bin").read_bytes()
    if found is None:
        if required:
            raise ValueError(f"{path} is damaged: it has lost its metadata {SEAL!r}")
        return
    start, end = found.span(1)
    plain = hashlib.sha256(data[:start])
    plain.update(UNSEALED.encode())
    plain.update(memoryview(data)[end:])
    if plain.hexdigest() != found[1].decode():
        raise ValueError(
            f"{path} is damaged: its bytes are not those that were written (SHA-256); "
            "copy or install it again"
        )


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

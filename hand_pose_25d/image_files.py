"""Which files are images, and those of a folder."""

from __future__ import annotations

from pathlib import Path

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""What OpenCV reads everywhere, in lower case."""


def is_image(path: Path) -> bool:
    """Whether a file's name says that it is an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def list_images(folder: Path, below: bool = True) -> list[Path]:
    """Return a folder's images by name; `below`: those of its subfolders too.

    Raises FileNotFoundError where there is no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}")
    files = sorted(p for p in (folder.rglob("*") if below else folder.iterdir()) if is_image(p))
    if not files:
        raise FileNotFoundError(f"no images ({', '.join(IMAGE_SUFFIXES)}) in {folder}")
    return files

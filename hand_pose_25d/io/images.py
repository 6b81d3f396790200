"""Which files are images, and those of a folder."""

from __future__ import annotations

from pathlib import Path

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""What OpenCV reads everywhere, in lower case."""


class NoImagesError(FileNotFoundError, ValueError):
    """A folder without images: a missing file to some callers, a wrong value to others."""


def is_image(path: Path) -> bool:
    """Whether a file's name says that it is an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def list_images(
    folder: Path,
    below: bool = True,
    suffixes: tuple[str, ...] = IMAGE_SUFFIXES,
    what: str = "images",
) -> list[Path]:
    """Return a folder's images by name; `below`: those of its subfolders too.

    Raises FileNotFoundError where there is no such folder, NoImagesError, in which they are called
    `what`, where none is in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}")
    entries = folder.rglob("*") if below else folder.iterdir()
    files = sorted(path for path in entries if path.suffix.lower() in suffixes)
    if not files:
        raise NoImagesError(f"no {what} ({', '.join(suffixes)}) in {folder}")
    return files

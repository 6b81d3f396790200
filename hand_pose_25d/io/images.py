"""Image files: which they are, reading and writing them.

Files are opened by Python and decoded from memory, because OpenCV ends the process at some names
(those that are not UTF-8), and their size is known before they are decoded.
"""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.orientation import turn_image, undo
from hand_pose_25d.io.image_header import ImageHeader, read_header
from hand_pose_25d.io.parts import whole_or_nothing

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""What OpenCV reads everywhere, in lower case."""
MAX_PIXELS = 2**27
"""Images of more are refused undecoded: 0.4 GB in RGB."""

logger = logging.getLogger(__name__)


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


def image_header(data: bytes | memoryview) -> ImageHeader:
    """Return format, size and orientation of an encoded image.

    Raises ValueError for what is no image of a known format, or one of too many pixels.
    """
    header = read_header(data)
    if header is None:
        raise ValueError(f"{len(data)} bytes that are no JPEG, PNG, WebP, BMP or TIFF")
    if not 0 < header.width * header.height <= MAX_PIXELS:
        raise ValueError(
            f"its header says {header.width} x {header.height} pixels; allowed are 1 to "
            f"{MAX_PIXELS / 1e6:.0f} million"
        )
    return header


def decode_image(data: bytes | memoryview) -> np.ndarray:
    """Decode an image as it is stored: (H, W, 3) uint8 RGB, EXIF's orientation not applied.

    Raises ValueError for what cannot be decoded.
    """
    header = image_header(data)
    pixels = decode_pixels(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if header.format == "TIFF":  # OpenCV turns these whatever the flags
        pixels = turn_image(pixels, undo(header.orientation))
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def decode_pixels(data: bytes | memoryview | np.ndarray, flags: int) -> np.ndarray:
    """Decode an image as OpenCV does with these flags (BGR), after a look at its header.

    Raises ValueError for what cannot be decoded, and for one of too many pixels.
    """
    given = memoryview(data)  # type: ignore[arg-type]  # older NumPy has no Buffer in its stubs
    header = image_header(given)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise ValueError(f"a {header.format} that cannot be decoded: {error.err}") from error
    if pixels is None and breaks_off(given):
        raise ValueError(f"a {header.format} of {len(data)} bytes that breaks off early")
    if pixels is None:
        raise ValueError(f"a {header.format} of {len(data)} bytes that cannot be decoded")
    return pixels


def breaks_off(data: bytes | memoryview) -> bool:
    """Whether a JPEG lacks its end, so that the lower part of its image is made up."""
    data = bytes(data)
    return data[:3] == b"\xff\xd8\xff" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def read_image(path: Path | str) -> np.ndarray:
    """Read an image file upright: (H, W, 3) uint8 RGB.

    Raises OSError where it cannot be read, ValueError where it is no image.
    """
    return read_photo(path)[0]


def read_photo(path: Path | str) -> tuple[np.ndarray, int]:
    """Read an image file upright, and the orientation that it was stored in.

    A JPEG without its end is read as far as it goes, and logged, by those OpenCVs that read it.

    Returns:
        (H, W, 3) uint8 RGB and a number for `orientation.turn_camera`.

    Raises OSError where it cannot be read, ValueError where it is no image.
    """
    data = Path(path).read_bytes()
    try:
        orientation = image_header(data).orientation
        image = turn_image(decode_image(data), orientation)
    except ValueError as error:
        raise ValueError(f"{path} is no image that can be read: {error}") from error
    if breaks_off(data):
        logger.warning("%s breaks off early: its lower part is made up", path)
    return image, orientation


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 RGB image in the format of its suffix; the folder is made.

    Raises OSError where it cannot be written, ValueError for a suffix of no image.
    """
    if not is_image(path):
        raise ValueError(f"{path}: an image's name ends in one of {', '.join(IMAGE_SUFFIXES)}")
    good, data = cv2.imencode(path.suffix.lower(), np.ascontiguousarray(image[:, :, ::-1]))
    if not good:
        raise OSError(f"{path}: OpenCV cannot encode the image")
    with whole_or_nothing(path, sync=False) as part:
        part.write_bytes(data.tobytes())

"""Which recordings lie behind the names on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hand_pose_25d.archive.lerobot import episode_units
from hand_pose_25d.archive.lerobot_columns import is_copy
from hand_pose_25d.archive.results import is_mcap_of_hands
from hand_pose_25d.archive.units import Unit, bag_unit, own_names
from hand_pose_25d.io.images import is_image
from hand_pose_25d.io.sources import is_bag

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts")
ALLOWED = (
    "a video, a folder of images, a rosbag2 folder, an .mcap file, a LeRobot v3 data set, or a "
    "folder of these"
)


def find_units(inputs: Iterable[str | Path], camera_key: str | None = None) -> list[Unit]:
    """Return the recordings of the inputs, each once, in order.

    Raises FileNotFoundError or ValueError that names an input without any.
    """
    found: dict[tuple[Path, int | None], Unit] = {}
    for text in inputs:
        path = Path(text).expanduser().absolute()
        if not path.exists():
            raise FileNotFoundError(f"no such recording: {text}")
        units = _units_of(path, camera_key)
        if not units:
            raise ValueError(f"{text} holds no recording: allowed is {ALLOWED}")
        for unit in units:
            found.setdefault((unit.path.resolve(), unit.episode), unit)
    return _with_own_names(list(found.values()))


def _units_of(path: Path, camera_key: str | None, named: bool = True) -> list[Unit]:
    """Return the recordings in a path; results of `process` only where they are `named`."""
    if not named and (is_copy(path) if path.is_dir() else is_mcap_of_hands(path)):
        return []
    unit = _file_unit(path) if path.is_file() else _folder_unit(path)
    if unit is not None:
        return [unit]
    if path.is_file():
        return []
    if (path / "meta/info.json").is_file():
        return episode_units(path, camera_key)
    entries = sorted(e for e in path.iterdir() if not e.name.startswith("."))
    return [unit for entry in entries for unit in _units_of(entry, camera_key, named=False)]


def _file_unit(path: Path) -> Unit | None:
    if is_bag(path):
        return bag_unit(path)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return Unit("video", path, path.stem, (path,))
    return None


def _folder_unit(path: Path) -> Unit | None:
    if is_bag(path):
        return bag_unit(path)
    images = tuple(sorted(f for f in path.iterdir() if f.is_file() and is_image(f)))
    return Unit("images", path, path.name, images, len(images)) if images else None


def _with_own_names(units: list[Unit]) -> list[Unit]:
    """Give units of the same name a part of their path's digest."""
    names = own_names([unit.name for unit in units], (unit.title for unit in units))
    return [replace(unit, name=name) for unit, name in zip(units, names, strict=True)]

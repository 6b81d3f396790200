"""LeRobot data sets, format v3.0: episodes in Parquet and MP4, read without the lerobot package.

`meta/info.json` names the features and the files' patterns, `meta/episodes/**.parquet` says in
which video file, from and to which second, an episode lies, and `data/**.parquet` has a row for
each image with `episode_index`, `frame_index` and `timestamp` (s from the episode's start).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from hand_pose_25d.archive.reading import OneSize, RecordedImage, Recording, TruncatedError
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.archive.videos import SECOND, DecodedImage, decode
from hand_pose_25d.io.bounded import load_json
from hand_pose_25d.io.images import decode_image

LEROBOT_VERSION = "v3."
_MOST_BYTES = 2**24
"""Of meta/info.json."""


def read_info(folder: Path) -> dict[str, Any]:
    """Return meta/info.json.  Raises ValueError where it is none of format v3."""
    path = folder / "meta/info.json"
    try:
        info = load_json(path, _MOST_BYTES)
        version = str(info["codebase_version"])
        info["features"], info["fps"]  # noqa: B018
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no description of a LeRobot data set: {error!r}") from error
    if not version.startswith(LEROBOT_VERSION):
        raise ValueError(
            f"{folder} has LeRobot's format {version}; {LEROBOT_VERSION}x is read: convert it "
            "with lerobot's own converter"
        )
    return info


def choose_camera_key(folder: Path, info: dict[str, Any], wanted: str | None) -> str:
    """Return the feature that holds the images.

    Raises ValueError that lists those there are where `wanted` is none of them, or several are.
    """
    kinds = {key: f.get("dtype") for key, f in info["features"].items()}
    there = sorted(key for key, kind in kinds.items() if kind in ("video", "image"))
    if wanted is not None and wanted not in there:
        raise ValueError(f"{folder} has no images {wanted}; there are: {', '.join(there)}")
    if wanted is None and len(there) != 1:
        raise ValueError(
            f"{folder} has images of {len(there)} cameras: choose one by --camera-key: "
            f"{', '.join(there)}"
        )
    return wanted or there[0]


def read_episodes(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of meta/episodes in the order of their index, without statistics."""
    files = sorted((folder / "meta/episodes").rglob("*.parquet"))
    if not files:
        raise ValueError(f"{folder} has no episodes: no .parquet in meta/episodes")
    rows: list[dict[str, Any]] = []
    for file in files:
        names = [n for n in pq.read_schema(file).names if not n.startswith("stats/")]
        rows += pq.read_table(file, columns=names).to_pylist()
    return sorted(rows, key=lambda row: row["episode_index"])


def episode_units(folder: Path, camera_key: str | None) -> list[Unit]:
    """Return the episodes of a data set.  Raises ValueError for what is none of format v3."""
    info = read_info(folder)
    key = choose_camera_key(folder, info, camera_key)
    units = []
    for row in read_episodes(folder):
        number = int(row["episode_index"])
        files = [_data_file(folder, info, row)]
        if info["features"][key]["dtype"] == "video":
            files.append(_video_file(folder, info, row, key))
        units.append(
            Unit(
                "lerobot", folder, f"{folder.name}_episode_{number:06d}", tuple(files),
                int(row["length"]), number, key,
            )
        )  # fmt: skip
    return units


def open_episode(unit: Unit, settings: ProcessSettings) -> Recording:
    """Open an episode.  Stamps are the data set's own, from the episode's start."""
    info = read_info(unit.path)
    row = next(r for r in read_episodes(unit.path) if r["episode_index"] == unit.episode)
    return Recording(_images(unit, info, row, OneSize(settings)))


def data_rows(file: Path, episode: int, columns: list[str]) -> dict[str, list[Any]]:
    """Return columns of an episode's rows in a data file, by frame_index."""
    wanted = sorted({"frame_index", *columns})
    filters = [("episode_index", "=", episode)]
    table = pq.read_table(file, columns=wanted, filters=filters).sort_by("frame_index")
    return {name: table.column(name).to_pylist() for name in columns}


def _images(
    unit: Unit, info: dict[str, Any], row: dict[str, Any], size: OneSize
) -> Iterator[RecordedImage]:
    key, episode = str(unit.camera_key), int(row["episode_index"])
    data = _data_file(unit.path, info, row)
    if info["features"][key]["dtype"] == "image":
        stored = data_rows(data, episode, ["timestamp", key])
        images: Iterator[np.ndarray] = (decode_image(cell["bytes"]) for cell in stored[key])
        stamps = stored["timestamp"]
    else:
        stamps = data_rows(data, episode, ["timestamp"])["timestamp"]
        images = _video_images(unit, info, row, stamps)
    number = 0
    for number, (stamp, image) in enumerate(zip(stamps, images, strict=False), start=1):
        camera = size.camera(image, f"image {number - 1}")
        yield RecordedImage(f"{number - 1:06d}", round(stamp * SECOND), image, camera)
    if number < int(row["length"]):
        raise TruncatedError(f"it breaks off: {number} of {row['length']} images were there")


def _video_images(
    unit: Unit, info: dict[str, Any], row: dict[str, Any], stamps: list[float]
) -> Iterator[np.ndarray]:
    """Yield the image of each stamp: the one nearest in time, within half an image."""
    key = str(unit.camera_key)
    start = float(row[f"videos/{key}/from_timestamp"])
    half = SECOND / float(info["fps"]) / 2
    decoded = decode(_video_file(unit.path, info, row, key), round(start * SECOND))
    frame: DecodedImage | None = next(decoded, None)
    for number, stamp in enumerate(stamps):
        wanted = (start + stamp) * SECOND
        while frame is not None and frame.time_ns < wanted - half:
            frame = next(decoded, None)
        if frame is None or frame.time_ns > wanted + half:
            raise TruncatedError(f"it breaks off: its video has no image {number} ({stamp:.3f} s)")
        yield frame.image


def _data_file(folder: Path, info: dict[str, Any], row: dict[str, Any]) -> Path:
    return folder / str(info["data_path"]).format(
        chunk_index=int(row["data/chunk_index"]), file_index=int(row["data/file_index"])
    )


def _video_file(folder: Path, info: dict[str, Any], row: dict[str, Any], key: str) -> Path:
    return folder / str(info["video_path"]).format(
        video_key=key,
        chunk_index=int(row[f"videos/{key}/chunk_index"]),
        file_index=int(row[f"videos/{key}/file_index"]),
    )

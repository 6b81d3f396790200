"""Other formats of a recording's Parquet file: JSON Lines, MCAP with the ROS messages, tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hand_pose_25d.archive.parquet import read_images
from hand_pose_25d.archive.schema import row_hand
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.json import camera_to_dict
from hand_pose_25d.io.parts import part_path, whole_or_nothing
from hand_pose_25d.io.tables import TABLES, write_table

SUFFIXES = {"jsonl": ".jsonl", "mcap": ".mcap", **TABLES}
FORMATS = tuple(SUFFIXES)


def export(name: str, parquet: Path, anew: bool) -> Path:
    """Write a recording in another format beside its Parquet file; return the file's path.

    Args:
        name: one of `FORMATS`.
        parquet: the recording's file.
        anew: False: a file that is there stays.
    """
    path = parquet.with_suffix(SUFFIXES[name])
    if anew or not path.exists():
        with whole_or_nothing(path) as part:
            if name in TABLES:
                write_table(name, _timed_images(parquet), part)
            else:
                {"jsonl": _write_json_lines, "mcap": _write_mcap}[name](parquet, part)
    return path


def row_camera(row: dict[str, Any]) -> Camera:
    """Return the camera of a row."""
    return Camera(
        row["fx"], row["fy"], row["cx"], row["cy"], row["width"], row["height"],
        row["distortion"], row["distortion_model"],
    )  # fmt: skip


def json_images(parquet: Path) -> Iterator[dict[str, Any]]:
    """Yield each image of a recording as JSON's types; docs/archive.md lists the keys."""
    for rows in read_images(parquet):
        first = rows[0]
        yield {
            "recording": first["recording"],
            "frame_index": first["frame_index"],
            "name": first["frame_name"],
            "stamp_ns": first["stamp_ns"],
            "frame_id": first["frame_id"],
            "camera": camera_to_dict(row_camera(first)),
            "hands": [_json_hand(row) for row in rows if row["track_id"] is not None],
        }


def _timed_images(parquet: Path) -> Iterator[dict[str, Any]]:
    """Yield each image as `estimate` records it, the stamp in seconds."""
    for image in json_images(parquet):
        yield image | {"stamp": image["stamp_ns"] * 1e-9}


def _json_hand(row: dict[str, Any]) -> dict[str, Any]:
    smoothed = None
    if row["smoothed_keypoints"] is not None:
        smoothed = row_hand(row, smoothed=True).to_dict()["keypoints"]
    return row_hand(row).to_dict() | {"smoothed_keypoints": smoothed}


def _write_json_lines(parquet: Path, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for image in json_images(parquet):
            file.write(json.dumps(image) + "\n")


def _write_mcap(parquet: Path, path: Path) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer

    from hand_pose_25d.archive.bag_messages import TOPICS, BagMessages

    messages = BagMessages()
    bag = part_path(path.parent)
    try:
        with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            connections = {
                topic: writer.add_connection(topic, kind, typestore=messages.store)
                for topic, kind in TOPICS.items()
            }
            for rows in read_images(parquet):
                stamp, first = rows[0]["stamp_ns"], rows[0]
                header = messages.header(stamp, first["frame_id"])
                hands = [row_hand(row) for row in rows if row["track_id"] is not None]
                made = (
                    messages.hands(hands, header, first["width"], first["height"]),
                    messages.markers(hands, header),
                    messages.annotations(hands, header),
                )
                for (topic, kind), message in zip(TOPICS.items(), made, strict=True):
                    writer.write(connections[topic], stamp, messages.serialize(message, kind))
        next(bag.glob("*.mcap")).replace(path)
    finally:
        shutil.rmtree(bag, ignore_errors=True)

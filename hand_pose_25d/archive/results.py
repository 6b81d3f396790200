"""Which files and folders are results of `process`: known by their content, whatever their names.

What is none is never overwritten; what is one is no recording when a folder is searched.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hand_pose_25d.archive.exports import SUFFIXES
from hand_pose_25d.archive.parquet import read_metadata
from hand_pose_25d.io.tables import COCO_DESCRIPTION, csv_columns

_BEGINNINGS = {
    SUFFIXES["jsonl"]: '{"recording": ',
    SUFFIXES["csv"]: ",".join(csv_columns()),
    SUFFIXES["coco"]: f'{{"info": {{"description": "{COCO_DESCRIPTION}"',
}


def is_result(path: Path) -> bool:
    """Whether a file was written by `process`."""
    if path.suffix == ".parquet":
        return "content_digest" in read_metadata(path)
    if is_mcap_of_hands(path):
        return True
    for suffix, beginning in _BEGINNINGS.items():
        if path.name.endswith(suffix):
            try:
                with path.open("rb") as file:
                    return file.read(len(beginning)) == beginning.encode()
            except OSError:
                return False
    return False


def is_mcap_of_hands(path: Path) -> bool:
    """Whether an MCAP file has the topics that `process --also mcap` writes, and no other."""
    if path.suffix != SUFFIXES["mcap"]:
        return False
    from rosbags.highlevel import AnyReader, AnyReaderError

    from hand_pose_25d.archive.bag_messages import TOPICS

    try:
        with AnyReader([path]) as reader:
            return {c.topic: c.msgtype for c in reader.connections} == TOPICS
    except (AnyReaderError, OSError, EOFError, ValueError):
        return False


def refuse_overwriting_others(paths: Iterable[Path]) -> None:
    """Raise ValueError for a file that is there and no result of `process`."""
    for path in paths:
        if path.exists() and not is_result(path):
            raise ValueError(
                f"{path} is there, is no result of `process`, and would be overwritten: "
                "choose another --out"
            )

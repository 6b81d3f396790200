"""Records of a labelling: one JSON line a photograph, appended as it is done.

An interrupted run goes on where it stopped, and labels can be written of what is there.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2

from hand_pose_25d.geometry.boxes import Box
from hand_pose_25d.io.images import list_images
from hand_pose_25d_train.labelling.consensus import Consensus

logger = logging.getLogger(__name__)
STRIDE = 8
"""Photographs are taken in so many rounds, so that a part of the way is a sample of all."""

Record = dict[str, Any]
"""name, width, height, boxes (x, y, w, h given) and hands, as `FoundHand.record` has them."""


def read_boxes(path: Path) -> dict[str, list[Box]]:
    """Read a CSV of boxes: file, x, y, width, height in pixels, in its first columns.

    Raises ValueError where a column is missing or no number.
    """
    boxes: dict[str, list[Box]] = {}
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            try:
                x, y, w, h = (float(row[key]) for key in ("x", "y", "width", "height"))
                boxes.setdefault(row["file"], []).append((x, y, w, h))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}: needs the columns file, x, y, width, height ({error!r})"
                ) from error
    return boxes


def read_records(path: Path) -> list[Record]:
    """Read what was written so far, sorted by name; an unfinished last line is left out."""
    records: dict[str, Record] = {}
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            records[record["name"]] = record
    return [records[name] for name in sorted(records)]


def record_folder(
    folder: Path, path: Path, consensus: Consensus, boxes: dict[str, list[Box]]
) -> Iterator[Record]:
    """Find the hands of the photographs below a folder that are not recorded yet.

    Appends each record to `path` and yields it.  Raises FileNotFoundError where the folder has no
    photographs.
    """
    paths = list_images(folder, what="photographs")
    done = {record["name"] for record in read_records(path)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as out:
        for image_path in _in_rounds(paths):
            name = image_path.relative_to(folder).as_posix()
            if name in done:
                continue
            image = cv2.imread(str(image_path))
            if image is None:
                logger.warning("cannot read %s: left out", image_path)
                continue
            given = boxes.get(name, [])
            found = consensus(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), given)
            record = {
                "name": name,
                "width": image.shape[1],
                "height": image.shape[0],
                "boxes": [list(box) for box in given],
                "hands": [hand.record() for hand in found],
            }
            out.write(json.dumps(record) + "\n")
            out.flush()
            yield record


def _in_rounds(paths: list[Path]) -> Iterable[Path]:
    return (path for start in range(STRIDE) for path in paths[start::STRIDE])
